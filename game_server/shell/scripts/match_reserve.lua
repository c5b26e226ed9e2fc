-- Reserve seats for players: all or none, a repeat replaces. KEYS: owner, ledger, reserved, seated.
-- ARGV: lives_ms, players... Answers {'ok', sealed owner, generation, seats_max} or {why, seats_max}.
local owner = redis.call('HMGET', KEYS[1], 'epoch', 'sealed')
if not owner[1] then
  return {'no_match', 0}
end
local ledger = redis.call('HMGET', KEYS[2], 'epoch', 'generation', 'seats_max', 'taken')
if ledger[1] ~= owner[1] then
  return {'not_ready', 0}
end
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', now)
local fresh = {}
local wanted = 0
for n = 2, #ARGV do
  if redis.call('SISMEMBER', KEYS[4], ARGV[n]) == 0 then
    table.insert(fresh, ARGV[n])
    if not redis.call('ZSCORE', KEYS[3], ARGV[n]) then
      wanted = wanted + 1
    end
  end
end
if redis.call('ZCARD', KEYS[3]) + tonumber(ledger[4]) + wanted > tonumber(ledger[3]) then
  return {'full', tonumber(ledger[3])}
end
for _, player in ipairs(fresh) do
  redis.call('ZADD', KEYS[3], now + ARGV[1], player)
end
if #fresh > 0 then
  local left = redis.call('PTTL', KEYS[2])
  redis.call('PEXPIRE', KEYS[3], math.max(left, tonumber(ARGV[1])))
end
return {'ok', owner[2], tonumber(ledger[2]), tonumber(ledger[3])}
