local state = KEYS[1]
local batch, every, room = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local source, main, race = ARGV[5], ARGV[6], ARGV[7]
local wanted_key = ARGV[8]
local s, m, r = keys(source), keys(main), keys(race)

note(state, 'beat', now, 'mode', ARGV[4])
redis.call('SADD', 'asynq:queues', source, main, race)
-- No asynq server reads the source, so what is due there is made pending by us.
for _, due in ipairs({ s .. 'scheduled', s .. 'retry' }) do
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', due, '-inf', clock[1], 'LIMIT', 0, batch)) do
    redis.call('LPUSH', s .. 'pending', id)
    redis.call('ZREM', due, id)
    redis.call('HSET', s .. 't:' .. id, 'state', 'pending', 'pending_since', clock[1] .. string.format('%06d000', clock[2]))
  end
end
if redis.call('EXISTS', s .. 'paused') == 1 then return 0 end

local position = tonumber(redis.call('HGET', state, 'position') or '0')
local waiting = redis.call('LLEN', r .. 'pending')
redis.call('LLEN', m .. 'pending')
local moved, raced, no_room, put_off, done = 0, 0, 0, 0, 0
while done < batch do
  local id = redis.call('LINDEX', s .. 'pending', -1)
  if not id then break end
  local chosen = pick(position + moved, every)
  if wanted_key ~= '' then
    local key = key_of(redis.call('HGET', s .. 't:' .. id, 'msg'), wanted_key)
    if key then chosen = pick_key(key, every) end
  end
  local side = main
  if chosen and waiting < room then side = race end
  local how = transfer(id, source, side)
  if how == 'taken' and side == race then
    side = main
    how = transfer(id, source, side)
  end
  redis.call('RPOP', s .. 'pending')
  if how == 'none' then
    -- An id without a task: whoever works on the main queue sees what would have been seen here.
    redis.call('LPUSH', m .. 'pending', id)
  elseif how == 'taken' then
    -- An earlier task of this id is not over yet: this one comes again in half a minute.
    redis.call('HSET', s .. 't:' .. id, 'state', 'scheduled')
    redis.call('ZADD', s .. 'scheduled', clock[1] + 30, id)
    put_off = put_off + 1
  else
    redis.call('LPUSH', keys(side) .. 'pending', id)
    moved = moved + 1
    if side == race then
      redis.call('HSET', r .. 't:' .. id, 'photofinish_since', now)
      waiting = waiting + 1
      raced = raced + 1
    elseif chosen then
      no_room = no_room + 1
    end
  end
  done = done + 1
end
count_step(state, moved, raced, no_room)
count(state, 'put_off', put_off)
return done
