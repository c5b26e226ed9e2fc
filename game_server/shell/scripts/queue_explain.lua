-- Say how far tickets are that still wait. ARGV: leader, then ticket and answer for each
if redis.call('GET', LEADER) ~= ARGV[1] then
  return 0
end
for n = 2, #ARGV, 2 do
  if redis.call('HEXISTS', TICKETS, ARGV[n]) == 1 then
    redis.call('HSET', ANSWERS, ARGV[n], ARGV[n + 1])
  end
end
return 1
