-- Give a node's lease and orders up, if they are this boot's. KEYS: lease, orders. ARGV: boot
local current = redis.call('GET', KEYS[1])
if current and current ~= ARGV[1] then
  return 0
end
return redis.call('DEL', KEYS[1], KEYS[2])
