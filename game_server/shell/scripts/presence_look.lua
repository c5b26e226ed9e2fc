-- Ask a node to look at a player again. KEYS: look. ARGV: player, ttl_ms.
redis.call('SADD', KEYS[1], ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1
