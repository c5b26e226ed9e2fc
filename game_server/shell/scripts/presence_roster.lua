-- Changes of a node's roster. KEYS: present, roster, records. ARGV: boot, ttl_ms, then player and record or '' by turns.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
for n = 3, #ARGV, 2 do
  if ARGV[n + 1] == '' then
    redis.call('ZREM', KEYS[2], ARGV[n])
    redis.call('HDEL', KEYS[3], ARGV[n])
  else
    redis.call('ZADD', KEYS[2], 0, ARGV[n])
    redis.call('HSET', KEYS[3], ARGV[n], ARGV[n + 1])
  end
end
redis.call('PEXPIRE', KEYS[2], ARGV[2])
redis.call('PEXPIRE', KEYS[3], ARGV[2])
return 1
