-- What every step begins with. Redis runs a script alone, and writes it to its log as one: a step
-- has happened whole or not at all. What could make a command fail in the middle (a key of the wrong
-- kind, no memory left) is met here, by the first write and the first reads, before any job moves.
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

local function note(state, ...)
  redis.call('HSET', state, ...)
end

local function count(state, field, more)
  if more > 0 then redis.call('HINCRBY', state, field, more) end
end

-- What a step came to.
local function count_step(state, moved, raced, no_room)
  count(state, 'position', moved)
  count(state, 'race', raced)
  count(state, 'no_room', no_room)
end
