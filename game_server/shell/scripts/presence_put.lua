-- A player's session. KEYS: player. ARGV: session, record or '' to remove it, ttl_ms. Answers all records.
if ARGV[2] == '' then
  redis.call('HDEL', KEYS[1], ARGV[1])
else
  redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
  redis.call('PEXPIRE', KEYS[1], ARGV[3])
end
return redis.call('HVALS', KEYS[1])
