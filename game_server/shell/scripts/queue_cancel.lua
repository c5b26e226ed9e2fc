-- ARGV: ticket, the answer that says so
-- Answers what was answered before, or "". A cancel that comes before its ticket holds all the same.
if redis.call('ZSCORE', FORGET, ARGV[1]) then
  return redis.call('HGET', ANSWERS, ARGV[1])
end
drop(ARGV[1], ARGV[2])
return ''
