-- Lead, or go on leading, and read who waits. ARGV: leader, lease_ms, known version
-- Answers {} if another leads, else {now_ms, version} or, if the version is not the known one or the lease is new,
-- {now_ms, version, {ticket...}, whether the lease is new}.
local leader = redis.call('GET', LEADER)
if leader and leader ~= ARGV[1] then
  return {}
end
redis.call('SET', LEADER, ARGV[1], 'PX', ARGV[2])
for _, ticket in ipairs(redis.call('ZRANGEBYSCORE', ALIVE, '-inf', '(' .. whole(NOW), 'LIMIT', 0, 1000)) do
  drop(ticket)
end
for _, ticket in ipairs(redis.call('ZRANGEBYSCORE', FORGET, '-inf', whole(NOW), 'LIMIT', 0, 1000)) do
  redis.call('ZREM', FORGET, ticket)
  redis.call('HDEL', ANSWERS, ticket)
end
local version = redis.call('GET', VERSION) or ''
if leader and version == ARGV[3] then
  return {NOW, version}
end
return {NOW, version, redis.call('HKEYS', TICKETS), leader and 0 or 1}
