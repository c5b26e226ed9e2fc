-- A match that was to be created is not. ARGV: match
local m = meta_of(ARGV[1])
if m and m.node == '' then
  remove(ARGV[1], m)
  return 1
end
return 0
