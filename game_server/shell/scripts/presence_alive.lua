-- A node says that it is present. KEYS: present, roster, records, look. ARGV: boot, ttl_ms.
-- Answers 0 if a later boot of this node is there, else 1, the roster's size, and whom to look at again.
local known = tonumber(redis.call('GET', KEYS[1]) or '0')
local boot = tonumber(ARGV[1])
if known > boot then return {0} end
if known ~= boot then redis.call('DEL', KEYS[2], KEYS[3]) end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
for n = 2, 4 do redis.call('PEXPIRE', KEYS[n], ARGV[2]) end
local look = redis.call('SMEMBERS', KEYS[4])
redis.call('DEL', KEYS[4])
return {1, redis.call('ZCARD', KEYS[2]), look}
