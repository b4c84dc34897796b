-- The tasks that workers of a queue have, each with its type (field 1 of its message).
local function text(message, wanted)
  local at = 1
  while at <= #message do
    local first = at
    local tag
    tag, at = field(message, at)
    if not tag then return '' end
    if tag == wanted * 8 + 2 then
      local _, behind_tag = varint(message, first)
      local _, begin = varint(message, behind_tag)
      return string.sub(message, begin, at - 1)
    end
  end
  return ''
end

local q = keys(ARGV[1])
local tasks = {}
for _, id in ipairs(redis.call('LRANGE', q .. 'active', 0, 99)) do
  local message = redis.call('HGET', q .. 't:' .. id, 'msg')
  if message then tasks[#tasks + 1] = { id, text(message, 1) } end
end
return tasks
