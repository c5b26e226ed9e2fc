-- ARGV: lives_ms, how many of the tickets are one's own to keep alive, ticket...
-- Answers {now_ms, leader's remaining ms, since_ms or "", answer or "", ...}: both "" for a ticket that nobody knows.
local lives_ms, own = tonumber(ARGV[1]), tonumber(ARGV[2])
local answer = {NOW, redis.call('PTTL', LEADER)}
for n = 3, #ARGV do
  local ticket, since = ARGV[n], ''
  if waits(ticket) then
    since = string.match(redis.call('HGET', TICKETS, ticket), '^(%d+):')
    if n - 2 <= own then
      redis.call('ZADD', ALIVE, NOW + lives_ms, ticket)
    end
  end
  answer[#answer + 1] = since
  -- An answer to a ticket whose node is gone tells nothing any more.
  local known = since ~= '' or redis.call('ZSCORE', FORGET, ticket)
  answer[#answer + 1] = known and redis.call('HGET', ANSWERS, ticket) or ''
end
if own > 0 then
  keep()
end
return answer
