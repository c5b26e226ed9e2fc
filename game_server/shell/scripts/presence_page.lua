-- Some of a node's roster. KEYS: present, roster, records. ARGV: the player after whom, how many. Answers records.
if redis.call('EXISTS', KEYS[1]) == 0 then return {} end
local players = redis.call('ZRANGEBYLEX', KEYS[2], ARGV[1] == '' and '-' or '(' .. ARGV[1], '+', 'LIMIT', 0, ARGV[2])
if #players == 0 then return {} end
return redis.call('HMGET', KEYS[3], unpack(players))
