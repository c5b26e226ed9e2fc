-- Make somebody the owner of a match that is nobody's, or that an earlier process of the same node had, or that is still
-- that of `instead of`, which the caller knows to be dead and which has not begun: seats of one with a ledger may be sold.
-- KEYS: owner, ledger.
-- ARGV: node, boot, epoch, sealed record, lives_ms, epoch of the owner to replace (0: none)
-- Answers {the sealed record of whoever owns it now, 1 if that is the proposed one, -1 if its epoch is too low}.
local owner = redis.call('HMGET', KEYS[1], 'sealed', 'node', 'boot', 'epoch')
if owner[1] then
  local ours = owner[2] == ARGV[1] and tonumber(owner[3]) < tonumber(ARGV[2])
  local replaced = owner[4] == ARGV[6] and redis.call('HGET', KEYS[2], 'epoch') ~= owner[4]
  if not ours and not replaced then return {owner[1], 0} end
  if tonumber(owner[4]) >= tonumber(ARGV[3]) then return {owner[1], -1} end
end
redis.call('HSET', KEYS[1], 'node', ARGV[1], 'boot', ARGV[2], 'epoch', ARGV[3], 'sealed', ARGV[4])
redis.call('PEXPIRE', KEYS[1], ARGV[5])
return {ARGV[4], 1}
