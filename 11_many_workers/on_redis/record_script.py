"""What Redis does to record: one script, so one round trip, and nobody sees half of it.

KEYS  events, notes, session
ARGV  message, max_events, time to live, stream, channel; of a call's message its number;
      of the answer to a call how many calls are kept that are over

Nothing is kept for a session that has ended. A call's message is work, and renews the session's time.
The notes say for each stream how many events it has had, and which calls are over.
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
  local over = redis.call('HINCRBY', KEYS[2], 'over', 1)
  redis.call('HSET', KEYS[2], 'over:' .. over, ARGV[4])
  local oldest = redis.call('HGET', KEYS[2], 'over:' .. (over - ARGV[7]))
  if oldest then
    redis.call('DEL', string.sub(KEYS[1], 1, -1 - #oldest) .. oldest)
    redis.call('HDEL', KEYS[2], oldest, 'over:' .. (over - ARGV[7]))
  end
end
return place
""")
