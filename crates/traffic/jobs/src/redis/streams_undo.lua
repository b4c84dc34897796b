-- What waits goes behind what waits in the source, about in the order in which it was sent on: exactly for
-- what was on the same side, to the millisecond for the others.
local source, main, race = unpack(KEYS)
local batch = tonumber(ARGV[1])
local queues = { { main, waiting(main, batch), 1 }, { race, waiting(race, batch), 1 } }
local many = 0
while many < batch do
  local next
  for _, queue in ipairs(queues) do
    local entry = queue[2][queue[3]]
    if entry and (not next or before(entry[1], next[2][next[3]][1])) then next = queue end
  end
  if not next then break end
  local entry = next[2][next[3]]
  if not append(source, entry) then break end
  redis.call('XDEL', next[1], entry[1])
  next[3] = next[3] + 1
  many = many + 1
end
local with = 0
for _, stream in ipairs({ main, race }) do
  local readers = groups(stream)
  for _, group in ipairs(readers) do with = with + group.with end
  -- A stream that somebody reads stays, since its group would go with it.
  if #readers == 0 and redis.call('XLEN', stream) == 0 then redis.call('DEL', stream) end
end
return { many, with }
