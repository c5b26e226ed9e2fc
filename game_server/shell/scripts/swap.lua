-- Replace a value if it is still the one that was read. KEYS: one. ARGV: expected ("" for none), new ("" for none), lives_ms
-- Answers {1, now_ms}, or {0, now_ms, the value that is there or ""}.
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local value = redis.call('GET', KEYS[1]) or ''
if value ~= ARGV[1] then
  return {0, now, value}
end
if ARGV[2] == '' then
  redis.call('DEL', KEYS[1])
else
  redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
end
return {1, now}
