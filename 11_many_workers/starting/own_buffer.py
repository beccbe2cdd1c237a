"""A replay buffer of your own: `--buffer module:Class`."""

from importlib import import_module

from replay_buffer import SSEReplayBuffer

METHODS = ("record", "replay", "forget")


class UnusableError(Exception):
    """Says in a sentence why it cannot be used."""


def made(name: str, max_events: int) -> SSEReplayBuffer:
    module, _, wanted = name.partition(":")
    if not wanted:
        raise UnusableError(f"{name} is no buffer: write none, memory, sqlite, redis, or module:Class.")
    try:
        buffer: SSEReplayBuffer = getattr(import_module(module), wanted)(max_events)
    except Exception as error:
        raise UnusableError(f"{name} cannot be used: {type(error).__name__}: {error}") from error
    if missing := [method for method in METHODS if not callable(getattr(buffer, method, None))]:
        raise UnusableError(f"{name} cannot be used: it has no method {' and no '.join(missing)}.")
    return buffer
