-- Forget a match, if it is still this owner's. KEYS: owner, ledger, reserved, seated. ARGV: node, boot, epoch
local owner = redis.call('HMGET', KEYS[1], 'node', 'boot', 'epoch')
if owner[1] and (owner[1] ~= ARGV[1] or owner[2] ~= ARGV[2] or owner[3] ~= ARGV[3]) then
  return 0
end
return redis.call('DEL', unpack(KEYS))
