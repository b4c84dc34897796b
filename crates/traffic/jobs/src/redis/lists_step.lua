local source, main, race, state, times = unpack(KEYS)
local batch, every, room = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local from, to = ARGV[4], ARGV[5]

note(state, 'beat', now, 'mode', ARGV[6])
local position = tonumber(redis.call('HGET', state, 'position') or '0')
local waiting = redis.call('LLEN', race)
redis.call('LLEN', main)
redis.call('LLEN', times)

local moved, raced, no_room = 0, 0, 0
while moved < batch do
  local side = main
  local chosen = pick(position + moved, every)
  if chosen and waiting < room then side = race end
  if not redis.call('LMOVE', source, side, from, to) then break end
  moved = moved + 1
  if side == race then
    redis.call('LPUSH', times, now)
    waiting = waiting + 1
    raced = raced + 1
  elseif chosen then
    no_room = no_room + 1
  end
end
count_step(state, moved, raced, no_room)
return moved
