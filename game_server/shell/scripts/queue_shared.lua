-- Begins every script of the queue; all keys have the tag {lobby:<game>}.
-- tickets   hash  ticket -> since_ms ":" sealed       who waits
-- alive     zset  ticket -> until_ms                  ... as long as a node says so
-- players   hash  player -> ticket                    nobody waits twice
-- members   hash  ticket -> cmsgpack of its players
-- answers   hash  ticket -> sealed                    how far it is; kept for a while when it has left the queue
-- forget    zset  ticket -> at_ms                     when that answer goes
-- version   text                                      changes when `tickets` does
local TICKETS, ALIVE, PLAYERS, MEMBERS, ANSWERS, FORGET, VERSION, LEADER = unpack(KEYS)
local clock = redis.call('TIME')
local NOW = clock[1] * 1000 + math.floor(clock[2] / 1000)
local ANSWER_MS, KEYS_MS = 60000, 120000

local function whole(number)
  return string.format('%.0f', number)
end

local function changed()
  -- Begun from the clock, so that a Redis that restarted empty does not repeat a number that somebody knows.
  redis.call('SET', VERSION, whole(NOW), 'NX')
  redis.call('INCR', VERSION)
end

local function keep()
  for _, key in ipairs({TICKETS, ALIVE, PLAYERS, MEMBERS, ANSWERS, FORGET, VERSION}) do
    redis.call('PEXPIRE', key, KEYS_MS)
  end
end

local function waits(ticket)
  local till = redis.call('ZSCORE', ALIVE, ticket)
  return till and tonumber(till) >= NOW
end

-- Take a ticket out; with an answer, that is kept for a while.
local function drop(ticket, answer)
  local packed = redis.call('HGET', MEMBERS, ticket)
  if packed then
    for _, player in ipairs(cmsgpack.unpack(packed)) do
      if redis.call('HGET', PLAYERS, player) == ticket then
        redis.call('HDEL', PLAYERS, player)
      end
    end
  end
  redis.call('HDEL', MEMBERS, ticket)
  redis.call('ZREM', ALIVE, ticket)
  if redis.call('HDEL', TICKETS, ticket) == 1 then
    changed()
  end
  if answer then
    redis.call('HSET', ANSWERS, ticket, answer)
    redis.call('ZADD', FORGET, NOW + ANSWER_MS, ticket)
    keep()
  else
    redis.call('HDEL', ANSWERS, ticket)
  end
end
