-- Take a group's tickets out of the queue: all of them, or none.
-- ARGV: leader, channel, the answer, then ticket and value for each
-- Answers 1; or 0 if another leads, or if one of them is not there any more as it was read.
if redis.call('GET', LEADER) ~= ARGV[1] then
  return 0
end
for n = 4, #ARGV, 2 do
  if not waits(ARGV[n]) or redis.call('HGET', TICKETS, ARGV[n]) ~= ARGV[n + 1] then
    return 0
  end
end
local taken = {}
for n = 4, #ARGV, 2 do
  drop(ARGV[n], ARGV[3])
  taken[#taken + 1] = ARGV[n]
end
redis.call('PUBLISH', ARGV[2], table.concat(taken, '\n'))
return 1
