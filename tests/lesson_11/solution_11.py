"""A solution of lesson 11's exercise, as edits of a copy: a stream keeps at most `--max-bytes` of events.

total  bytes of all messages that the stream has had, up to an event and with it: the difference of two
       totals is right however many events `MAXLEN` has trimmed in the meantime
"""

from workshop.breaks import Edit

COUNT = "local total = redis.call('HINCRBY', KEYS[2], 'bytes:' .. ARGV[4], #ARGV[1])\n"
TRIM = """\
while true do
  local oldest = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)[1]
  local before = oldest[2][4] - #oldest[2][2]
  local number = tonumber(string.match(oldest[1], '%d+'))
  if number == place or total - before <= tonumber(ARGV[#ARGV]) then break end
  redis.call('XTRIM', KEYS[1], 'MINID', (number + 1) .. '-0')
end
"""
SOLUTION = [
    Edit(
        "starting/limits.py",
        "    max_sessions: Annotated[",
        '    max_bytes: Annotated[int, "bytes of events kept of each stream, on Redis"] = 1_000_000\n'
        "    max_sessions: Annotated[",
    ),
    Edit(
        "starting/storage.py",
        "*bounds, limits.max_idle)",
        "*bounds, limits.max_idle, limits.max_bytes)",
    ),
    Edit(
        "on_redis/replay_buffer.py",
        "ttl: float = 1800.0\n",
        "ttl: float = 1800.0, max_bytes: int = 1_000_000\n",
    ),
    Edit(
        "on_redis/replay_buffer.py",
        "self._ttl = round(ttl * 1000)\n",
        "self._ttl = round(ttl * 1000)\n        self.max_bytes = max_bytes\n",
    ),
    Edit("on_redis/replay_buffer.py", "RECORD.sha, 3, *told)", "RECORD.sha, 3, *told, self.max_bytes)"),
    Edit("on_redis/replay_buffer.py", "RECORD.text, 3, *told)", "RECORD.text, 3, *told, self.max_bytes)"),
    Edit("on_redis/record_script.py", "redis.call('XADD', ", COUNT + "redis.call('XADD', "),
    Edit("on_redis/record_script.py", "'m', ARGV[1])", "'m', ARGV[1], 'total', total)"),
    Edit("on_redis/record_script.py", "return place\n", TRIM + "return place\n"),
]
