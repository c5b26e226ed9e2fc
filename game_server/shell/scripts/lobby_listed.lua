-- A page of public matches in the order of their names. ARGV: index, after ("" from the start), limit
-- Answers {total, the last name looked at or "" at the end, sealed listings...}. Those of nodes that are gone are left out.
sweep()
local from = ARGV[2] == '' and '-' or '(' .. ARGV[2]
local names = redis.call('ZRANGEBYLEX', name('all|' .. ARGV[1]), from, '+', 'LIMIT', 0, ARGV[3])
local found = {redis.call('ZCARD', name('all|' .. ARGV[1])), #names == tonumber(ARGV[3]) and names[#names] or ''}
local lives = {}
for _, match in ipairs(names) do
  local m = meta_of(match)
  if m then
    if lives[m.node] == nil then lives[m.node] = alive(m.node) or false end
    if lives[m.node] then table.insert(found, redis.call('HGET', name('listing'), match)) end
  end
end
return found
