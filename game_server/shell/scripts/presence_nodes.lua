-- The nodes that are present. KEYS: index. Answers node, players, node, players...
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local all, found = redis.call('HGETALL', KEYS[1]), {}
for n = 1, #all, 2 do
  local players, expiry = string.match(all[n + 1], '^%d+|(%d+)|(%d+)$')
  if tonumber(expiry) >= now then
    found[#found + 1] = all[n]
    found[#found + 1] = players
  end
end
return found
