-- What waited too long in the race queue, and what its workers have not acknowledged for too long, goes
-- to the end of the normal workers' stream.
local main, race, state = unpack(KEYS)
local batch, older_than, attempts, idle = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])

note(state, 'beat', now)
redis.call('XLEN', main)

local waited = 0
for _, entry in ipairs(waiting(race, batch)) do
  if older_than > 0 and now - parts(entry[1]) < older_than then break end
  if not append(main, entry) then break end
  redis.call('XDEL', race, entry[1])
  waited = waited + 1
end

local failed = 0
local readers = groups(race)
-- What one of several groups has acknowledged is for the others to say.
if #readers == 1 and readers[1].with > 0 then
  local name = readers[1].name
  for _, entry in ipairs(redis.call('XPENDING', race, name, 'IDLE', idle, '-', '+', batch)) do
    local id, given_so_often = entry[1], entry[4]
    if given_so_often >= attempts then
      local found = redis.call('XRANGE', race, id, id)[1]
      if found and not append(main, found) then break end
      redis.call('XDEL', race, id)
      redis.call('XACK', race, name, id)
      if found then failed = failed + 1 end
    end
  end
end
count(state, 'waited', waited)
count(state, 'failed', failed)
trim(main)
trim(race)
return { waited, failed }
