-- A node's line in the index. KEYS: index. ARGV: node, boot, players, ttl_ms, for how many ms the dead are remembered.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2] .. '|' .. ARGV[3] .. '|' .. string.format('%.0f', now + ARGV[4]))
if time[2] % 50 == 0 then
  local all = redis.call('HGETALL', KEYS[1])
  for n = 1, #all, 2 do
    local expiry = tonumber(string.match(all[n + 1], '(%d+)$'))
    if expiry + ARGV[5] < now then redis.call('HDEL', KEYS[1], all[n]) end
  end
end
return 1
