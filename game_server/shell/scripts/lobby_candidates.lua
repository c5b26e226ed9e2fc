-- The sealed records of some live nodes that take matches, drawn at random. ARGV: schema hash (0: any), count
local found, seen = {}, {}
local open, count = name('open:' .. ARGV[1]), tonumber(ARGV[2])
repeat
  local dead = 0
  for _, node in ipairs(redis.call('SRANDMEMBER', open, count)) do
    if not alive(node) then
      -- It comes back with its next renewal; here it would be drawn instead of one that lives.
      dead = dead + redis.call('SREM', open, node)
    elseif not seen[node] and #found < count then
      seen[node] = true
      table.insert(found, redis.call('HGET', name('records'), node))
    end
  end
until dead == 0 or #found >= count
return found
