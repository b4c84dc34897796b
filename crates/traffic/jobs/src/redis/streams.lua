-- What the steps of streams share. An entry that no group of workers has been given waits; one that a group
-- was given and has not acknowledged is with a worker; what all groups have acknowledged is over.
local function parts(id)
  local ms, number = string.match(id, '^(%d+)-(%d+)$')
  return tonumber(ms), tonumber(number)
end

local function before(one, other)
  local ms, number = parts(one)
  local other_ms, other_number = parts(other)
  return ms < other_ms or (ms == other_ms and number < other_number)
end

-- The groups of a stream: name, last id given, how many are with workers, the first of these.
local function groups(stream)
  local found = {}
  if redis.call('EXISTS', stream) == 0 then return found end
  for _, fields in ipairs(redis.call('XINFO', 'GROUPS', stream)) do
    local group = {}
    for place = 1, #fields, 2 do group[fields[place]] = fields[place + 1] end
    local pending = redis.call('XPENDING', stream, group.name)
    found[#found + 1] = { name = group.name, given = group['last-delivered-id'], with = pending[1], first = pending[2] }
  end
  return found
end

-- The last id that any group was given.
local function given(stream)
  local last = '0-0'
  for _, group in ipairs(groups(stream)) do
    if before(last, group.given) then last = group.given end
  end
  return last
end

-- The first of what waits.
local function waiting(stream, most)
  return redis.call('XRANGE', stream, '(' .. given(stream), '+', 'COUNT', most)
end

-- Puts an entry at the end of another stream, as it is but for its id; false where Redis refuses.
local function append(stream, entry)
  if #entry[2] > 7000 then return false end
  local id = redis.pcall('XADD', stream, '*', unpack(entry[2]))
  return type(id) == 'string'
end

-- The first value of a field, nil where an entry has none.
local function value(entry, field)
  for place = 1, #entry[2], 2 do
    if entry[2][place] == field then return entry[2][place + 1] end
  end
end

-- Removes what is over; nothing where there is no group, which may be still to come.
local function trim(stream)
  local low
  for _, group in ipairs(groups(stream)) do
    local first = group.with > 0 and group.first or group.given
    if not low or before(first, low) then low = first end
  end
  if low then redis.call('XTRIM', stream, 'MINID', low) end
end
