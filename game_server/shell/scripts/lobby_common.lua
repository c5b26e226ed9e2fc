-- What every script of the lobby begins with. KEYS: the lobby's prefix, "tw1:{lobby:<game>}", under which all names are:
--   :nodes     sorted set: node -> until when its entry holds (Unix ms)      :boots, :records, :schemas  hash: node -> boot, sealed record, version
--   :open:<h>  set of nodes that take matches, of schema <h>, and of any     :of:<node>  set of a node's listed matches
--   :listing   hash: match -> sealed listing    :meta  hash: match -> node|boot|free|seats_max|private|code|indexes
--   :free|<index>, :all|<index>  sorted sets of public matches, by free seats and by name; see cluster/filters.py
--   :codes     hash: code -> match    :version, :changes, :gone, :gone_at   what changed and when
--   :claims    sorted set: match|player -> until when    :claimed  hash: match -> how many    :pending  match -> until when
--   :shown     sorted set: node -> until when, of nodes with listings in the indexes; when it runs out, they are taken out
--   :hid:<node>  set of listings that were: the node is told a lower number at its next renewal, and publishes anew
--   :indexes   set of the names of indexes    :request:<id>  what a quick play was answered
-- Every key has an expiry, as a net for when all nodes die at once; renewals stretch it.
local lobby = KEYS[1]
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

local function name(what) return lobby .. ':' .. what end

local NET_MS = 3600000

local function keep(...)
  for _, what in ipairs({...}) do redis.call('PEXPIRE', name(what), NET_MS, 'NX') end
end

local function alive(node)
  local score = redis.call('ZSCORE', name('nodes'), node)
  return score and tonumber(score) >= now
end

local function meta_of(match)
  local text = redis.call('HGET', name('meta'), match)
  if not text then return nil end
  local m = {}
  m.node, m.boot, m.seats_free, m.seats_max, m.private, m.code, m.indexes =
    string.match(text, '^([^|]*)|([^|]*)|([^|]*)|([^|]*)|([^|]*)|([^|]*)|(.*)$')
  return m
end

local function put_meta(match, m)
  redis.call('HSET', name('meta'), match, table.concat(
    {m.node, m.boot, m.seats_free, m.seats_max, m.private, m.code, m.indexes}, '|'))
end

local function each_index(m, act)
  for index in string.gmatch(m.indexes, '([^|]*)|') do act(index) end
end

-- The seats that nobody has, nor has claimed, as quick play sees them.
local function show_free(match, m)
  local claimed = tonumber(redis.call('HGET', name('claimed'), match) or '0')
  local free = math.max(0, tonumber(m.seats_free) - claimed)
  each_index(m, function(index)
    redis.call('ZADD', name('free|' .. index), free, match)
    keep('free|' .. index)
  end)
end

local function hide_free(match, m)
  each_index(m, function(index) redis.call('ZREM', name('free|' .. index), match) end)
end

-- Begun from the clock, so that what a watcher knew before everything was lost is below the floor.
local function bump()
  local first = string.format('%.0f', clock[1] * 1000000 + clock[2])
  if redis.call('SET', name('version'), first, 'NX') then
    redis.call('SET', name('floor'), first)
    keep('version', 'floor')
  end
  return redis.call('INCR', name('version'))
end

-- Tell watchers that a match is not to be seen any more, if they have seen it.
local function tell_gone(match)
  if redis.call('ZREM', name('changes'), match) == 1 then
    redis.call('ZADD', name('gone'), bump(), match)
    redis.call('ZADD', name('gone_at'), now, match)
    keep('gone', 'gone_at')
  end
end

local function drop_claims(match, players)
  local dropped = 0
  for _, player in ipairs(players) do
    dropped = dropped + redis.call('ZREM', name('claims'), match .. '|' .. player)
  end
  if dropped > 0 and redis.call('HINCRBY', name('claimed'), match, -dropped) <= 0 then
    redis.call('HDEL', name('claimed'), match)
  end
  return dropped
end

local function hide(match, m)
  hide_free(match, m)
  each_index(m, function(index) redis.call('ZREM', name('all|' .. index), match) end)
  tell_gone(match)
end

-- Claims outlive it: they are counted until they run out, so that a match that returns is not sold twice.
local function remove(match, m)
  hide(match, m)
  redis.call('HDEL', name('listing'), match)
  redis.call('HDEL', name('meta'), match)
  redis.call('ZREM', name('pending'), match)
  if m.node ~= '' then
    redis.call('SREM', name('of:' .. m.node), match)
    redis.call('SREM', name('hid:' .. m.node), match)
  end
  if m.code ~= '' and redis.call('HGET', name('codes'), m.code) == match then
    redis.call('HDEL', name('codes'), m.code)
  end
end

local function forget_node(node)
  redis.call('ZREM', name('nodes'), node)
  redis.call('ZREM', name('shown'), node)
  local schema = redis.call('HGET', name('open_as'), node)
  if schema then redis.call('SREM', name('open:' .. schema), node) end
  redis.call('SREM', name('open:0'), node)
  redis.call('HDEL', name('open_as'), node)
  redis.call('HDEL', name('boots'), node)
  redis.call('HDEL', name('records'), node)
  redis.call('HDEL', name('schemas'), node)
end

local function remove_some_of(node, most)
  local removed = 0
  for _, set in ipairs({'of:' .. node, 'hid:' .. node}) do
    for _, match in ipairs(redis.call('SRANDMEMBER', name(set), most - removed)) do
      local m = meta_of(match)
      if m and m.node == node then remove(match, m) end
      redis.call('SREM', name(set), match)
      removed = removed + 1
    end
  end
  return removed
end

-- Clear away a little of what has run out: claims, matches that nobody created, listings of nodes that are silent.
local function sweep()
  for _, claim in ipairs(redis.call('ZRANGEBYSCORE', name('claims'), '-inf', now, 'LIMIT', 0, 100)) do
    local match, player = string.match(claim, '^([^|]*)|(.*)$')
    drop_claims(match, {player})
    local m = meta_of(match)
    if m and m.private == '0' and (m.node == '' or redis.call('SISMEMBER', name('of:' .. m.node), match) == 1) then
      show_free(match, m)
    end
  end
  for _, match in ipairs(redis.call('ZRANGEBYSCORE', name('pending'), '-inf', now, 'LIMIT', 0, 20)) do
    local m = meta_of(match)
    if m then remove(match, m) end
    redis.call('ZREM', name('pending'), match)
  end
  for _, node in ipairs(redis.call('ZRANGEBYSCORE', name('shown'), '-inf', '(' .. string.format('%.0f', now), 'LIMIT', 0, 3)) do
    local matches = redis.call('SRANDMEMBER', name('of:' .. node), 100)
    for _, match in ipairs(matches) do
      local m = meta_of(match)
      if m and m.node == node then hide(match, m) end
      redis.call('SMOVE', name('of:' .. node), name('hid:' .. node), match)
    end
    keep('hid:' .. node)
    if #matches < 100 then redis.call('ZREM', name('shown'), node) end
  end
end
