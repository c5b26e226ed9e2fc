-- Claim seats by quick play: in the fullest match that has room for all, or in a new one.
-- ARGV: request, index, claim lives ms, request lives ms, pending lives ms, new match ("" for none), its indexes,
-- its seats_max, the version of the game (0: any), how many players, players..., matches not wanted...
-- Answers {match, 1 if it must be created}, or nothing.
local players, unwanted = {}, {}
for n = 11, 10 + ARGV[10] do table.insert(players, ARGV[n]) end
for n = 11 + ARGV[10], #ARGV do unwanted[ARGV[n]] = true end

sweep()

local function claim(match, m, create)
  local fresh = 0
  for _, player in ipairs(players) do
    fresh = fresh + redis.call('ZADD', name('claims'), now + ARGV[3], match .. '|' .. player)
  end
  redis.call('HINCRBY', name('claimed'), match, fresh)
  show_free(match, m)
  keep('claims', 'claimed')
  redis.call('SET', name('request:' .. ARGV[1]), create .. match, 'PX', ARGV[4])
  return {match, create}
end

local function there(m) return m and (m.node == '' or alive(m.node)) end

-- Of a match that is being made nobody knows yet which version its node will have.
local function fits(m)
  return ARGV[9] == '0' or m.node == '' or redis.call('HGET', name('schemas'), m.node) == ARGV[9]
end

local before = redis.call('GET', name('request:' .. ARGV[1]))
if before then
  local match = string.sub(before, 2)
  local m = not unwanted[match] and meta_of(match)
  if there(m) then
    -- Whose claim was used up has a seat, and needs no second one.
    for _, player in ipairs(players) do
      redis.call('ZADD', name('claims'), 'XX', now + ARGV[3], match .. '|' .. player)
    end
    redis.call('PEXPIRE', name('request:' .. ARGV[1]), ARGV[4])
    -- Only who brings a match is asked to create it.
    return {match, m.node == '' and ARGV[6] ~= '' and tonumber(string.sub(before, 1, 1)) or 0}
  end
  drop_claims(match, players)
  m = meta_of(match)
  if there(m) and m.private == '0' then show_free(match, m) end
end

local index = name('free|' .. ARGV[2])
local tried = 0
while tried < 200 do
  -- Nothing is taken out while we look but what has died, so the offset moves by what stays.
  local found = redis.call('ZRANGEBYSCORE', index, #players, '+inf', 'LIMIT', tried, 8)
  if #found == 0 then break end
  for _, match in ipairs(found) do
    local m = meta_of(match)
    if not there(m) then -- pending ones that ran out are gone by now
      -- Its node's entry ran out; it is told so when it renews, and publishes anew.
      if m then hide_free(match, m) end
      redis.call('ZREM', index, match)
    else
      if not unwanted[match] and fits(m) then return claim(match, m, 0) end
      tried = tried + 1
    end
  end
end

if ARGV[6] == '' or unwanted[ARGV[6]] then return false end
local m = meta_of(ARGV[6])
if m then
  -- Created already, by an earlier try of the same request.
  return there(m) and m.private == '0' and claim(ARGV[6], m, m.node == '' and 1 or 0)
end
m = {node = '', boot = '', seats_free = ARGV[8], seats_max = ARGV[8], private = '0', code = '', indexes = ARGV[7]}
put_meta(ARGV[6], m)
redis.call('ZADD', name('pending'), now + ARGV[5], ARGV[6])
keep('meta', 'pending')
return claim(ARGV[6], m, 1)
