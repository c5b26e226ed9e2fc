-- Take orders off the list, if they are this boot's. KEYS: lease, orders. ARGV: boot, matches...
local current = redis.call('GET', KEYS[1])
if current and current ~= ARGV[1] then
  return 0
end
return redis.call('HDEL', KEYS[2], unpack(ARGV, 2))
