"""Arguments for a tool, made from its schema: what it requires, and numbers and pauses by their names."""

import re
from itertools import islice

from pydantic import BaseModel, Field, JsonValue

MANY, OFTEN = 2000, 0.001
FEW, SELDOM = 10, 0.1
LASTS, STEPS = 6.0, 8  # seconds; longer than a server may take to find out that a client has gone
NUMBER_OF = re.compile(r"(?i)count|number|^n$|steps|times|total|amount|messages")
PAUSE = re.compile(r"(?i)interval|delay|pause|sleep|wait|period")
DURATION = re.compile(r"(?i)^(duration|seconds|lasts|length)$")
IN_MILLISECONDS = re.compile(r"(?i)millisecond|\bms\b|_ms$|Ms$")
Arguments = dict[str, JsonValue]
DEEP = 5  # schemas inside schemas


class Tool(BaseModel):
    name: str
    description: str = ""
    input_schema: dict[str, JsonValue] = Field(alias="inputSchema", default_factory=dict[str, JsonValue])
    annotations: dict[str, JsonValue] = Field(default_factory=dict[str, JsonValue])

    @property
    def properties(self) -> dict[str, dict[str, JsonValue]]:
        return objects(self.input_schema.get("properties"))

    @property
    def could_serve(self) -> bool:
        return any(NUMBER_OF.search(name) for name in self.properties)

    def tuned(self, number_of: float, pause: float, known: Arguments | None = None) -> Arguments:
        """Arguments for so many messages with such a pause, as far as the names of the arguments tell."""
        arguments = dict(known or self.required())
        for name, about in self.properties.items():
            whole = "integer" in types(about)
            if not whole and "number" not in types(about):
                continue
            wanted: float | None = None
            if NUMBER_OF.search(name):
                wanted, whole = number_of, True
            elif PAUSE.search(name):
                in_milliseconds = IN_MILLISECONDS.search(f"{about.get('description', '')} {name}")
                wanted = pause * (1000 if in_milliseconds else 1)
            elif DURATION.match(name):
                wanted = max(number_of * pause, pause)
            if wanted is not None:
                wanted = within(wanted, about)
                arguments[name] = max(1, round(wanted)) if whole else wanted
        return arguments

    def required(self) -> Arguments:
        value = example(self.input_schema, self.input_schema, 0)
        return value if isinstance(value, dict) else {}

    def pause(self, arguments: Arguments) -> float:
        """Seconds between its messages, as far as the names of the arguments tell."""
        for name, about in self.properties.items():
            value = arguments.get(name)
            if PAUSE.search(name) and isinstance(value, int | float):
                in_milliseconds = IN_MILLISECONDS.search(f"{about.get('description', '')} {name}")
                return value / (1000 if in_milliseconds else 1)
        return 0.0


def objects(value: JsonValue) -> dict[str, dict[str, JsonValue]]:
    parts = value.items() if isinstance(value, dict) else ()
    return {name: part for name, part in parts if isinstance(part, dict)}


def types(about: dict[str, JsonValue]) -> list[JsonValue]:
    told = about.get("type")
    options = [one for key in ("anyOf", "oneOf") for one in listed(about.get(key)) if isinstance(one, dict)]
    return (told if isinstance(told, list) else [told]) + [one.get("type") for one in options]


def listed(value: JsonValue) -> list[JsonValue]:
    return value if isinstance(value, list) else []


def within(wanted: float, about: dict[str, JsonValue]) -> float:
    low, high = about.get("minimum"), about.get("maximum")
    wanted = max(wanted, low) if isinstance(low, int | float) else wanted
    return min(wanted, high) if isinstance(high, int | float) else wanted


def example(schema: JsonValue, root: dict[str, JsonValue], depth: int) -> JsonValue:
    """A value that a schema allows, as plain as it can be; of objects only what is required."""
    if not isinstance(schema, dict) or depth > DEEP:
        return None
    for key in ("const", "default"):
        if key in schema:
            return schema[key]
    for key in ("enum", "examples"):
        if values := listed(schema.get(key)):
            return values[0]
    match schema:
        case {"$ref": str(where)}:
            part: JsonValue = root
            for step in where.removeprefix("#/").split("/"):
                part = part.get(step) if isinstance(part, dict) else None
            return example(part, root, depth + 1)
        case {"anyOf": [first, *_]} | {"oneOf": [first, *_]} | {"allOf": [first, *_]}:
            return example(first, root, depth + 1)
        case _:
            pass
    match types(schema)[0]:
        case "string":
            least = schema.get("minLength")
            return "prove-it" + "." * max(0, (least if isinstance(least, int) else 0) - 8)
        case "integer" | "number":
            return within(1, schema)
        case "boolean":
            return False
        case "array":
            least = schema.get("minItems")
            number = min(least, 100) if isinstance(least, int) else 0
            return [example(schema.get("items"), root, depth + 1) for _ in range(number)]
        case "null":
            return None
        case _:
            names = [name for name in listed(schema.get("required")) if isinstance(name, str)]
            parts = objects(schema.get("properties"))
            return {name: example(parts.get(name, {}), root, depth + 1) for name in islice(names, 100)}
