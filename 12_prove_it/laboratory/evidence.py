"""Evidence: the bytes around each end of a connection, without what proves nothing and what is secret."""

import re

from laboratory.wire import Connection, Wire

DULL = re.compile(  # headers that prove nothing
    r"(?im)^(accept-encoding|connection|user-agent|host|date|server|vary|keep-alive|cache-control|pragma|"
    r"content-length|transfer-encoding|x-(?!mcp)[\w-]+|access-control-[\w-]+|[\w-]*-policy):.*\n"
)
SECRET = re.compile(r"(?im)^([\w-]*(?:authorization|cookie|key|token|secret)[\w-]*:\s*).+$")
CONCEALED: list[str] = []
LEAST = 6  # letters, of what is no secret if it is shorter
SESSION = re.compile(r"(?im)(mcp-session-id:\s*[^\s,]{6})[^\s,]+")


def evidence(method: str, wire: Wire | None) -> str:
    """What went out, and the last and first that came in."""
    lines: list[str] = []
    start = wire.connections[0].began if wire and wire.connections else 0.0
    for number, connection in enumerate(wire.connections if wire else []):
        cut = f", cut: {connection.cut}" if connection.was_cut else ""
        lines.append(f"-- {method} stream, connection {number + 1}, {lasted(connection, start)}{cut}")
        lines.append(f"> {shown(bytes(connection.sent))}")
        lines.append(f"< {shown(connection.received)}")
    return "\n".join(lines[:3] + ["..."] * (len(lines) > 12) + lines[3:][-9:])


def lasted(connection: Connection, start: float) -> str:
    """From when to when, in seconds from the first connection on."""
    end = "" if connection.ended is None else f"{connection.ended - start:.2f}"
    return f"{connection.began - start:.2f} to {end} s".replace(" to  s", " s on")


def shown(raw: bytes) -> str:
    text = DULL.sub("", raw.decode(errors="backslashreplace").replace("\r\n", "\n"))
    return re.sub(r"\n{2,}", "\n", hidden(text)).strip()


def conceal(value: str) -> None:
    """What was given as a header's value is shown nowhere."""
    if len(value) >= LEAST:
        CONCEALED.append(value)


def hidden(text: str) -> str:
    """Without secrets, and with no more of a session id than tells two apart."""
    for secret in CONCEALED:
        text = text.replace(secret, "(hidden)")
    return SESSION.sub(r"\1...", SECRET.sub(r"\1(hidden)", text))
