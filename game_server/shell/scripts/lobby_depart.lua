-- Take a node's entry and some of its listings away. ARGV: node, boot. Answers how many listings it still took away.
local had = redis.call('HGET', name('boots'), ARGV[1])
if had and had ~= ARGV[2] then return 0 end
local taken = remove_some_of(ARGV[1], 200)
if taken == 0 then forget_node(ARGV[1]) end
return taken
