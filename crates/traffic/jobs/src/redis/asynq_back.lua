-- What waited, failed or lost its worker in the race queue goes to the normal workers.
local state = KEYS[1]
local batch, older_than, attempts = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local main, race = ARGV[4], ARGV[5]
local m, r = keys(main), keys(race)

note(state, 'beat', now)
redis.call('LLEN', m .. 'pending')
redis.call('ZCARD', m .. 'retry')

-- Waited: the oldest, which lie at the right, so that the oldest of them is taken next.
local waited = 0
for _, id in ipairs(redis.call('LRANGE', r .. 'pending', -batch, -1)) do
  local since = tonumber(redis.call('HGET', r .. 't:' .. id, 'photofinish_since') or now)
  if (older_than == 0 or now - since >= older_than) and transfer(id, race, main) ~= 'taken' then
    redis.call('RPUSH', m .. 'pending', id)
    redis.call('LREM', r .. 'pending', -1, id)
    waited = waited + 1
  end
end

-- Failed: those that asynq would run here once more, when they are due, and those it gave up, at once.
local failed = 0
local function give(set, may, due)
  for _, entry in ipairs(redis.call('ZRANGE', r .. set, 0, 1000)) do
    if failed >= batch then return end
    local message = redis.call('HGET', r .. 't:' .. entry, 'msg')
    if message and may(message) then
      local score = due or redis.call('ZSCORE', r .. set, entry)
      if transfer(entry, race, main) == 'moved' then
        redis.call('HSET', m .. 't:' .. entry, 'state', 'retry')
        redis.call('ZADD', m .. 'retry', score, entry)
        redis.call('ZREM', r .. set, entry)
        failed = failed + 1
      end
    end
  end
end
give('retry', function(message) return number(message, 6) >= attempts end)
-- One that a person archived by hand has never failed, and stays.
give('archived', function(message) return number(message, 11) > 0 end, clock[1])

-- Orphaned: half a minute after its lease ended, as asynq's own recoverer has it, which is one of the
-- race build's workers and may be dead with them.
local orphaned = 0
for _, id in ipairs(redis.call('ZRANGEBYSCORE', r .. 'lease', '-inf', clock[1] - 30, 'LIMIT', 0, batch)) do
  if transfer(id, race, main) == 'moved' then
    redis.call('LREM', r .. 'active', 0, id)
    redis.call('ZREM', r .. 'lease', id)
    redis.call('HSET', m .. 't:' .. id, 'state', 'pending')
    redis.call('RPUSH', m .. 'pending', id)
    orphaned = orphaned + 1
  end
end
count(state, 'waited', waited)
count(state, 'failed', failed)
count(state, 'orphaned', orphaned)
return { waited, failed, orphaned }
