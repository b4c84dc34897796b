-- All of a queue but what runs goes back to the source, in the state it is in.
local batch = tonumber(ARGV[1])
local source, queue = ARGV[2], ARGV[3]
local s, q = keys(source), keys(queue)
local many = 0
redis.call('LLEN', s .. 'pending')
-- The youngest first, so that the oldest ends up foremost.
for _, id in ipairs(redis.call('LRANGE', q .. 'pending', 0, batch - 1)) do
  if transfer(id, queue, source) ~= 'taken' then
    redis.call('LREM', q .. 'pending', 1, id)
    redis.call('RPUSH', s .. 'pending', id)
    many = many + 1
  end
end
for _, set in ipairs({ 'scheduled', 'retry', 'archived' }) do
  local entries = redis.call('ZRANGE', q .. set, 0, batch - 1, 'WITHSCORES')
  for place = 1, #entries, 2 do
    if transfer(entries[place], queue, source) == 'moved' then
      redis.call('ZADD', s .. set, entries[place + 1], entries[place])
      redis.call('ZREM', q .. set, entries[place])
      many = many + 1
    end
  end
end
return many
