local source, main, race, state = unpack(KEYS)
local batch, every, room = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local wanted_key = ARGV[5]

note(state, 'beat', now, 'mode', ARGV[4])
redis.call('XLEN', main)
-- At first: what the workers of the source have been given is theirs.
local last = redis.call('HGET', state, 'last') or given(source)
local position = tonumber(redis.call('HGET', state, 'position') or '0')
local waits = redis.call('XLEN', race)
if waits >= room and room > 0 then waits = #waiting(race, room) end

local moved, raced, no_room, refused = 0, 0, 0, nil
for _, entry in ipairs(redis.call('XRANGE', source, '(' .. last, '+', 'COUNT', batch)) do
  local side = main
  local chosen = pick(position + moved, every)
  local key = wanted_key ~= '' and value(entry, wanted_key)
  if key then chosen = pick_key(key, every) end
  if chosen and waits < room then side = race end
  if not append(side, entry) then
    refused = entry[1]
    break
  end
  -- The same step, whatever becomes of the next entry.
  last = entry[1]
  redis.call('HSET', state, 'last', last)
  redis.call('XDEL', source, last)
  moved = moved + 1
  if side == race then
    waits = waits + 1
    raced = raced + 1
  elseif chosen then
    no_room = no_room + 1
  end
end
count_step(state, moved, raced, no_room)
if refused and moved == 0 then return redis.error_reply('ERR entry ' .. refused .. ' cannot be added to another stream') end
return { moved, last }
