-- How many wait in each stream; in the normal workers' only when that is `whole`, since it may be many.
local source, main, race, state = unpack(KEYS)
local function beyond(stream, id) return redis.call('XLEN', stream) - #redis.call('XRANGE', stream, '-', id) end
local last = redis.call('HGET', state, 'last') or given(source)
local main_waits = 0
if ARGV[1] == '1' then main_waits = beyond(main, given(main)) end
return { beyond(source, last), main_waits, beyond(race, given(race)) }
