"""What Redis does to record: one script, so one round trip, and nobody sees half of it.

KEYS  events, notes
ARGV  message, max_events, time to live, stream, channel; for a step also its job's field, and its number
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


NOTE = """
if tonumber(redis.call('HGET', KEYS[2], ARGV[6]) or 0) ~= ARGV[7] - 1 then return 0 end
redis.call('HSET', KEYS[2], ARGV[6], ARGV[7])
"""
RECORD_ONE = """
local place = redis.call('HINCRBY', KEYS[2], 'newest', 1)
redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[2], place .. '-0', 'm', ARGV[1])
if place % 64 == 1 then
  redis.call('PEXPIRE', KEYS[1], ARGV[3])
  redis.call('PEXPIRE', KEYS[2], ARGV[3])
end
if ARGV[5] ~= '' then
  redis.call('PUBLISH', ARGV[5], string.format('%s%08d ', ARGV[4], place) .. ARGV[1])
end
return place
"""
RECORD, RECORD_STEP = Script(RECORD_ONE), Script(NOTE + RECORD_ONE)
