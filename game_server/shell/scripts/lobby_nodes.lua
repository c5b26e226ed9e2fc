-- The sealed records of live nodes. ARGV: a node, or "" for all
if ARGV[1] ~= '' then
  if not alive(ARGV[1]) then return {} end
  return {redis.call('HGET', name('records'), ARGV[1])}
end
local found = {}
for _, node in ipairs(redis.call('ZRANGEBYSCORE', name('nodes'), now, '+inf')) do
  table.insert(found, redis.call('HGET', name('records'), node))
end
return found
