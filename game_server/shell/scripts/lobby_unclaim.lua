-- Give up what a quick play claimed. ARGV: request, players...
local before = redis.call('GET', name('request:' .. ARGV[1]))
if not before then return 0 end
redis.call('DEL', name('request:' .. ARGV[1]))
local match = string.sub(before, 2)
local dropped = drop_claims(match, {unpack(ARGV, 2)})
local m = meta_of(match)
if m and m.private == '0' then show_free(match, m) end
return dropped
