-- What waits in a queue goes back to where the source is taken from, the youngest first, so that the
-- oldest ends up foremost.
local source, queue = KEYS[1], KEYS[2]
local batch, from = tonumber(ARGV[1]), ARGV[2]
local youngest = from == 'RIGHT' and 'LEFT' or 'RIGHT'

local many = 0
while many < batch do
  if not redis.call('LMOVE', queue, source, youngest, from) then break end
  many = many + 1
end
return many
