-- The games that were played here of late. KEYS: games. ARGV: for how many seconds back.
return redis.call('ZRANGEBYSCORE', KEYS[1], tonumber(redis.call('TIME')[1]) - ARGV[1], '+inf')
