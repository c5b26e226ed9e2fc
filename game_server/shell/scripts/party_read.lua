-- Read a party and say which of its members are here. KEYS: party, alive. ARGV: lives_ms, player...
-- Answers {now_ms, the party or "", player, until_ms, ...}: everybody's last word.
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local lives_ms = tonumber(ARGV[1])
local party = redis.call('GET', KEYS[1])
if not party then
  return {now, ''}
end
for n = 2, #ARGV do
  redis.call('ZADD', KEYS[2], string.format('%.0f', now + lives_ms), ARGV[n])
end
redis.call('PEXPIRE', KEYS[1], lives_ms * 2)
redis.call('PEXPIRE', KEYS[2], lives_ms * 2)
return {now, party, unpack(redis.call('ZRANGE', KEYS[2], 0, -1, 'WITHSCORES'))}
