-- Take matches off the list, if they are this node's. ARGV: node, boot, matches... Answers how many were.
local count = 0
for n = 3, #ARGV do
  local m = meta_of(ARGV[n])
  if m and m.node == ARGV[1] and tonumber(m.boot) <= tonumber(ARGV[2]) then
    remove(ARGV[n], m)
    count = count + 1
  end
end
return count
