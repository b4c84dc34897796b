-- The entries that workers of a stream have had for so long at least, each with the name of its consumer.
local idle = tonumber(ARGV[1])
local found = {}
for _, group in ipairs(groups(KEYS[1])) do
  for _, entry in ipairs(redis.call('XPENDING', KEYS[1], group.name, 'IDLE', idle, '-', '+', 100)) do
    found[#found + 1] = { entry[1], entry[2] }
  end
end
return found
