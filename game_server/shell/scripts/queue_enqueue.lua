-- ARGV: ticket, sealed, lives_ms, since_ms (0: now), player...
-- Answers {"queued"}, {"answered"} if it has left the queue already, {"busy", player} if one of them waits elsewhere.
local ticket, sealed, lives_ms, since = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
if redis.call('ZSCORE', FORGET, ticket) then
  return {'answered'}
end
if waits(ticket) then
  redis.call('ZADD', ALIVE, NOW + lives_ms, ticket)
  return {'queued'}
end
local players = {}
for n = 5, #ARGV do
  players[#players + 1] = ARGV[n]
  local other = redis.call('HGET', PLAYERS, ARGV[n])
  if other and other ~= ticket then
    if waits(other) then
      return {'busy', ARGV[n]}
    end
    drop(other)
  end
end
drop(ticket)
if since == 0 or since > NOW then
  since = NOW
end
redis.call('HSET', TICKETS, ticket, whole(since) .. ':' .. sealed)
redis.call('ZADD', ALIVE, NOW + lives_ms, ticket)
redis.call('HSET', MEMBERS, ticket, cmsgpack.pack(players))
for _, player in ipairs(players) do
  redis.call('HSET', PLAYERS, player, ticket)
end
changed()
keep()
return {'queued'}
