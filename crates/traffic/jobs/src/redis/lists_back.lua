-- The oldest jobs of the race queue go where the normal workers take next, the oldest foremost.
local main, race, state, times = unpack(KEYS)
local batch, older_than, from = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3]

note(state, 'beat', now)
redis.call('LLEN', main)
local waiting = redis.call('LLEN', race)
-- What workers took has no time any more. The times lie newest first, whatever the ends of the lists.
if waiting == 0 then
  redis.call('DEL', times)
  return 0
end
redis.call('LTRIM', times, 0, waiting - 1)
local known = redis.call('LLEN', times)
local many = 0
if older_than == 0 then
  many = math.min(waiting, batch)
else
  while many < math.min(known, batch) do
    local since = tonumber(redis.call('LINDEX', times, known - 1 - many))
    if now - since < older_than then break end
    many = many + 1
  end
end
if many == 0 then return 0 end
if from == 'RIGHT' then
  redis.call('RPUSH', main, unpack(redis.call('LRANGE', race, -many, -1)))
  redis.call('LTRIM', race, 0, -(many + 1))
else
  local jobs, turned = redis.call('LRANGE', race, 0, many - 1), {}
  for place = #jobs, 1, -1 do turned[#turned + 1] = jobs[place] end
  redis.call('LPUSH', main, unpack(turned))
  redis.call('LTRIM', race, many, -1)
end
count(state, 'waited', many)
return many
