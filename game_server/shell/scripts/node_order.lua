-- Order a match of a node, if it is alive. KEYS: lease, orders. ARGV: boot, match, sealed order, lives_ms
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return 0
end
redis.call('HSET', KEYS[2], ARGV[2], ARGV[3])
redis.call('PEXPIRE', KEYS[2], ARGV[4])
return 1
