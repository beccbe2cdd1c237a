"""What is never shown whole: credentials, and the ids of sessions, wherever they stand."""

from pydantic import JsonValue

CREDENTIALS = frozenset({"authorization", "proxy-authorization", "cookie", "set-cookie"})
SESSION = "mcp-session-id"
SHOWN = 8  # characters of a session's id
SHORTEST = 2 * SHOWN  # a shorter one may be part of a common word


class Hidden:
    def __init__(self) -> None:
        self._shown_as: dict[str, str] = {}

    def header(self, name: str, value: str) -> str:
        """The value as it may be shown; from now on it is hidden in everything else, too."""
        if name.lower() in CREDENTIALS:
            for secret in {value, value.rpartition(" ")[2]}:
                self._learn(secret, "(hidden)")
            return "(hidden)"
        if name.lower() == SESSION:
            shown = f"{value[: min(SHOWN, len(value) // 2)]}…"
            self._learn(value, shown)
            return shown
        return self.text(value)

    def _learn(self, secret: str, shown: str) -> None:
        if len(secret) >= SHORTEST:
            self._shown_as[secret] = shown

    def text(self, text: str) -> str:
        for secret, shown in self._shown_as.items():
            if secret in text:
                text = text.replace(secret, shown)
        return text

    def value(self, value: JsonValue) -> JsonValue:
        match value:
            case str():
                return self.text(value)
            case list():
                return [self.value(item) for item in value]
            case dict():
                return {key: self.value(item) for key, item in value.items()}
            case _:
                return value
