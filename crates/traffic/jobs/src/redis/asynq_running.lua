-- The tasks that workers of a queue have, each with its type (field 1 of its message).
local q = keys(ARGV[1])
local tasks = {}
for _, id in ipairs(redis.call('LRANGE', q .. 'active', 0, 99)) do
  local message = redis.call('HGET', q .. 't:' .. id, 'msg')
  if message then tasks[#tasks + 1] = { id, text(message, 1) } end
end
return tasks
