-- Write a match's ledger. KEYS: owner, ledger, reserved, seated.
-- ARGV: node, boot, epoch, sealed owner, generation, seats_max, taken, known, lives_ms, players...
-- Answers {known, fenced, reserved players...}. A ledger that should be there in this generation and is not has been
-- lost with its reservations: nothing is written, so that nothing is sold until its owner has raised the generation.
local owner = redis.call('HMGET', KEYS[1], 'node', 'boot', 'epoch')
local stored, epoch = tonumber(owner[3] or '0'), tonumber(ARGV[3])
if stored > epoch or (stored == epoch and (owner[1] ~= ARGV[1] or owner[2] ~= ARGV[2])) then
  return {0, 1}
end
local known = redis.call('HGET', KEYS[2], 'generation') == ARGV[5]
if ARGV[8] == '1' and not known then
  return {0, 0}
end
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
if stored ~= epoch then
  redis.call('HSET', KEYS[1], 'node', ARGV[1], 'boot', ARGV[2], 'epoch', ARGV[3], 'sealed', ARGV[4])
end
if not known then
  redis.call('DEL', KEYS[3])
end
redis.call('HSET', KEYS[2], 'epoch', ARGV[3], 'generation', ARGV[5], 'seats_max', ARGV[6], 'taken', ARGV[7])
redis.call('DEL', KEYS[4])
for n = 10, #ARGV do
  redis.call('SADD', KEYS[4], ARGV[n])
  redis.call('ZREM', KEYS[3], ARGV[n])
end
redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', now)
for _, key in ipairs(KEYS) do
  redis.call('PEXPIRE', key, ARGV[9])
end
return {known and 1 or 0, 0, unpack(redis.call('ZRANGE', KEYS[3], 0, -1))}
