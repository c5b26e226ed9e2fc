-- List a match, or say anew how it is. ARGV: match, node, boot, free, seats_max, private, code, indexes, sealed listing,
-- players who have or reserved a seat... Answers 1 if something changed that others can see, 0 if not, or if this boot has no entry.
local match = ARGV[1]
-- Only of a node that renews: otherwise nobody would ever clear it away. The next renewal shows that it is missing.
if redis.call('HGET', name('boots'), ARGV[2]) ~= ARGV[3] then return 0 end
local old = meta_of(match)
local m = {node = ARGV[2], boot = ARGV[3], seats_free = ARGV[4], seats_max = ARGV[5], private = ARGV[6], code = ARGV[7],
           indexes = ARGV[8]}
if old and (old.indexes ~= m.indexes or old.node ~= m.node) then remove(match, old) end
drop_claims(match, {unpack(ARGV, 10)})
redis.call('ZREM', name('pending'), match)
put_meta(match, m)
redis.call('SADD', name('of:' .. m.node), match)
redis.call('SREM', name('hid:' .. m.node), match)
if m.code ~= '' then redis.call('HSET', name('codes'), m.code, match) end
local changed = redis.call('HGET', name('listing'), match) ~= ARGV[9] or not redis.call('ZSCORE', name('changes'), match)
redis.call('HSET', name('listing'), match, ARGV[9])
keep('meta', 'of:' .. m.node, 'codes', 'listing')
if m.private == '1' then return 0 end
show_free(match, m)
each_index(m, function(index)
  redis.call('ZADD', name('all|' .. index), 0, match)
  redis.call('SADD', name('indexes'), index)
  keep('all|' .. index)
end)
keep('indexes')
if not changed then return 0 end
redis.call('ZADD', name('changes'), bump(), match)
keep('changes')
redis.call('ZREM', name('gone'), match)
redis.call('ZREM', name('gone_at'), match)
return 1
