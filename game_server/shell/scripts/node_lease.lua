-- Renew a node's lease. KEYS: lease, orders. ARGV: boot, ttl_ms
-- Answers {accepted, the higher boot that has the name or 0, how many orders wait}.
local current = redis.call('GET', KEYS[1])
if current and tonumber(current) > tonumber(ARGV[1]) then
  return {0, tonumber(current), 0}
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return {1, 0, redis.call('HLEN', KEYS[2])}
