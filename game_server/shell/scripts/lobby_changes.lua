-- What changed after a version. ARGV: version, limit
-- Answers {version, complete, how many gone, gone matches..., sealed listings...}.
-- Not complete: too much changed, or what went since has been forgotten; read the list anew.
sweep()
local version = tonumber(redis.call('GET', name('version')) or '0')
local since, limit = tonumber(ARGV[1]), tonumber(ARGV[2])
local floor = tonumber(redis.call('GET', name('floor')) or '0')
local changed = redis.call('ZRANGEBYSCORE', name('changes'), '(' .. ARGV[1], '+inf', 'LIMIT', 0, limit + 1)
local gone = redis.call('ZRANGEBYSCORE', name('gone'), '(' .. ARGV[1], '+inf', 'LIMIT', 0, limit + 1)
-- A version from before the directory lost everything is no version of this one.
-- Who begins knows nothing that could have gone.
if (since < floor and since > 0) or since > version or #changed > limit or #gone > limit then return {version, 0, 0} end
local found = {version, 1, #gone}
for _, match in ipairs(gone) do table.insert(found, match) end
for _, match in ipairs(changed) do
  local m = meta_of(match)
  -- What sweeping has not come to yet is gone at the next look.
  if m and alive(m.node) then table.insert(found, redis.call('HGET', name('listing'), match)) end
end
return found
