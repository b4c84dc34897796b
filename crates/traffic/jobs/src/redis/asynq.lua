-- The parts of asynq 0.26 that moving a task needs. A queue q keeps the ids of its waiting tasks in the
-- list asynq:{q}:pending (pushed left, taken right), each task in the hash asynq:{q}:t:ID, whose field
-- `msg` is a protobuf message (internal/proto/asynq.proto): field 4 is the name of the queue, by which
-- a worker finds the task's keys again. Nothing else of it is changed.
local function keys(queue) return 'asynq:{' .. queue .. '}:' end

local function varint(text, at)
  local value, scale = 0, 1
  for place = at, at + 9 do
    local byte = string.byte(text, place)
    if not byte then return nil end
    value = value + byte % 128 * scale
    if byte < 128 then return value, place + 1 end
    scale = scale * 128
  end
end

local function to_varint(value)
  local text = ''
  while value >= 128 do
    text = text .. string.char(value % 128 + 128)
    value = math.floor(value / 128)
  end
  return text .. string.char(value)
end

-- The field of a message at `at`: its tag, where the next begins, its number if it holds one, and where its bytes begin
-- if it holds those; nil where it is no such field.
local function field(message, at)
  local tag, value, begin
  tag, at = varint(message, at)
  if not tag then return nil end
  local wire = tag % 8
  if wire == 0 then
    value, at = varint(message, at)
  elseif wire == 1 then
    at = at + 8
  elseif wire == 5 then
    at = at + 4
  elseif wire == 2 then
    local size
    size, begin = varint(message, at)
    at = size and begin + size
  else
    return nil
  end
  if not at then return nil end
  return tag, at, value, begin
end

-- The message with another queue in it; nil where it is no such message.
local function readdressed(message, queue)
  local kept, at, length = {}, 1, #message
  while at <= length do
    local first, tag = at
    tag, at = field(message, at)
    if not tag or at > length + 1 then return nil end
    if tag ~= 34 then kept[#kept + 1] = string.sub(message, first, at - 1) end
  end
  kept[#kept + 1] = '\34' .. to_varint(#queue) .. queue
  return table.concat(kept)
end

-- The text in field `wanted` of a message, '' where it has none.
local function text(message, wanted)
  local at = 1
  while at <= #message do
    local tag, _, begin
    tag, at, _, begin = field(message, at)
    if not tag then return '' end
    if tag == wanted * 8 + 2 then return string.sub(message, begin, at - 1) end
  end
  return ''
end

-- The header of this name (field 15, a map of texts), nil where it has none.
local function header(message, name)
  local at = 1
  while at <= #message do
    local tag, _, begin
    tag, at, _, begin = field(message, at)
    if not tag then return nil end
    if tag == 122 then
      local entry = string.sub(message, begin, at - 1)
      if text(entry, 1) == name then return text(entry, 2) end
    end
  end
  return nil
end

-- What tells a task apart: its type, or a header; nil where it has none.
local function key_of(message, wanted)
  if not message or wanted == '' then return nil end
  if wanted == 'type' then return text(message, 1) end
  return header(message, string.sub(wanted, 8))
end

-- The number in field `wanted` of a message, 0 where it has none.
local function number(message, wanted)
  local at, found = 1, 0
  while at <= #message do
    local tag, value
    tag, at, value = field(message, at)
    if not tag then return found end
    if tag == wanted * 8 then found = value end
  end
  return found
end

-- Moves the task itself, not its place in a list: 'moved', 'taken' where the other queue has a task of
-- this id, 'none' where there is no task.
local function transfer(id, from, to)
  local old, new = keys(from) .. 't:' .. id, keys(to) .. 't:' .. id
  if redis.call('EXISTS', new) == 1 then return 'taken' end
  local message = redis.call('HGET', old, 'msg')
  if not message then return 'none' end
  local changed = readdressed(message, to)
  redis.call('RENAME', old, new)
  redis.call('HDEL', new, 'photofinish_since')
  if changed then redis.call('HSET', new, 'msg', changed) end
  return 'moved'
end
