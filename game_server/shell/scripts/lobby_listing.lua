-- One listing, public or not, of a live node. ARGV: match, or "" and a code. Answers the sealed listing, or nothing.
local match = ARGV[1]
if match == '' then match = redis.call('HGET', name('codes'), ARGV[2]) end
if not match then return false end
local m = meta_of(match)
if not m or not alive(m.node) then return false end
return redis.call('HGET', name('listing'), match)
