"""What Redis does to record: one script, so one round trip, and nobody sees half of it.

KEYS  events, notes, session
ARGV  message, max_events, time to live, stream, channel; of a call's message its number;
      of the answer to a call how many events are kept of the calls that are over

Nothing is kept for a session that has ended. A call's message is work, and renews the session's time.
The notes say for each stream how many events it has had, which calls are over, from the oldest one that is
kept to the last, and how many events are kept of them.
"""

from dataclasses import dataclass
from functools import cached_property
from hashlib import sha1


@dataclass(frozen=True)
class Script:
    text: str

    @cached_property
    def sha(self) -> str:
        return sha1(self.text.encode(), usedforsecurity=False).hexdigest()


RECORD = Script("""
if ARGV[5] ~= '' and redis.call('EXISTS', KEYS[3]) == 0 then return 0 end
if ARGV[6] ~= '' and tonumber(redis.call('HGET', KEYS[2], ARGV[4]) or 0) ~= ARGV[6] - 1 then return 0 end
local place = redis.call('HINCRBY', KEYS[2], ARGV[4], 1)
redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[2], place .. '-0', 'm', ARGV[1])
if ARGV[6] ~= '' then
  redis.call('PEXPIRE', KEYS[3], ARGV[3])
end
if place % 64 == 1 or ARGV[6] ~= '' then
  redis.call('PEXPIRE', KEYS[1], ARGV[3])
  redis.call('PEXPIRE', KEYS[2], ARGV[3])
end
if ARGV[5] ~= '' then
  redis.call('PUBLISH', ARGV[5], ARGV[4] .. '-' .. place .. ' ' .. ARGV[1])
end
if ARGV[7] ~= '' then
  local function kept(had) return math.min(had, ARGV[2]) end
  local last = redis.call('HINCRBY', KEYS[2], 'last over', 1)
  local oldest = redis.call('HINCRBY', KEYS[2], 'oldest over', last == 1 and 1 or 0)
  local together = redis.call('HINCRBY', KEYS[2], 'kept', kept(place))
  redis.call('HSET', KEYS[2], 'over ' .. last, ARGV[4])
  while together > tonumber(ARGV[7]) and oldest < last do
    local stream = redis.call('HGET', KEYS[2], 'over ' .. oldest)
    together = redis.call('HINCRBY', KEYS[2], 'kept', -kept(redis.call('HGET', KEYS[2], stream)))
    redis.call('DEL', string.sub(KEYS[1], 1, -1 - #stream) .. stream)
    redis.call('HDEL', KEYS[2], stream, 'over ' .. oldest)
    oldest = redis.call('HINCRBY', KEYS[2], 'oldest over', 1)
  end
end
return place
""")
