-- As rule.rs: one of each block of `every`, at a place that changes from block to block.
local function pick(position, every)
  if every == 0 then return false end
  local spread = math.floor(position / every) % 1048576 * 2654435761 % 4294967296
  return position % every == math.floor(spread * every / 4294967296)
end

-- As rule.rs: whether the jobs of a key are chosen.
local function pick_key(key, every)
  return every > 0 and tonumber(string.sub(redis.sha1hex(key), 1, 8), 16) % every == 0
end
