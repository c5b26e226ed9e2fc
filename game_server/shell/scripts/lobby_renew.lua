-- Renew a node's entry. ARGV: node, boot, ttl_ms, sealed record, takes matches (1 or 0), schema hash, garbage after ms
-- Answers how many listings of the node's there are; -1: its entry had run out, so that some may be hidden; -2: a later
-- boot has the name.
local node, boot = ARGV[1], ARGV[2]
local had = redis.call('HGET', name('boots'), node)
if had and tonumber(had) > tonumber(boot) then return -2 end
local score = redis.call('ZSCORE', name('nodes'), node)
local ran_out = score and tonumber(score) < now
redis.call('ZADD', name('nodes'), now + ARGV[3], node)
redis.call('ZADD', name('shown'), now + ARGV[3], node)
redis.call('HSET', name('boots'), node, boot)
redis.call('HSET', name('records'), node, ARGV[4])
redis.call('HSET', name('schemas'), node, ARGV[6])
local schema = redis.call('HGET', name('open_as'), node)
if schema and (ARGV[5] == '0' or schema ~= ARGV[6]) then
  redis.call('SREM', name('open:' .. schema), node)
  redis.call('SREM', name('open:0'), node)
  redis.call('HDEL', name('open_as'), node)
end
if ARGV[5] == '1' then
  redis.call('HSET', name('open_as'), node, ARGV[6])
  redis.call('SADD', name('open:' .. ARGV[6]), node)
  redis.call('SADD', name('open:0'), node)
end
if had and had ~= boot then
  -- What an earlier process of this name had listed died with it.
  while remove_some_of(node, 100) > 0 do end
end
sweep()
-- Entries that ran out long ago are nobody's any more: a few are cleared away whenever somebody renews.
for _, gone in ipairs(redis.call('ZRANGEBYSCORE', name('nodes'), '-inf', now - ARGV[7], 'LIMIT', 0, 1)) do
  if remove_some_of(gone, 50) == 0 then forget_node(gone) end
end
for _, match in ipairs(redis.call('ZRANGEBYSCORE', name('gone_at'), '-inf', now - ARGV[7], 'LIMIT', 0, 50)) do
  redis.call('SET', name('floor'), redis.call('ZSCORE', name('gone'), match))
  redis.call('ZREM', name('gone'), match)
  redis.call('ZREM', name('gone_at'), match)
end
for _, what in ipairs({'nodes', 'shown', 'boots', 'records', 'schemas', 'open_as', 'open:0', 'open:' .. ARGV[6], 'of:' .. node,
                       'hid:' .. node, 'listing', 'meta', 'codes', 'version', 'floor', 'changes', 'gone', 'gone_at',
                       'claims', 'claimed', 'pending', 'indexes'}) do
  redis.call('PEXPIRE', name(what), NET_MS)
end
if clock[2] % 20 == 0 then
  for _, index in ipairs(redis.call('SMEMBERS', name('indexes'))) do
    local some = redis.call('PEXPIRE', name('all|' .. index), NET_MS)
    if some + redis.call('PEXPIRE', name('free|' .. index), NET_MS) == 0 then redis.call('SREM', name('indexes'), index) end
  end
end
if ran_out then return -1 end
return redis.call('SCARD', name('of:' .. node))
