"""Messages that landing must refuse, drawn by a seed from good events: each with the reason that it must be given."""

import json
import random
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

LARGEST = 1024 * 1024 - 200
"""A topic's largest message, but for what the batch around it takes."""

KEY = b"key"
Made = tuple[bytes | None, bytes | None, str]


@dataclass(frozen=True)
class Malformed:
    """One message, and why it is refused."""

    key: bytes | None
    value: bytes | None
    reason: str


def malformed(draw: random.Random, event: dict[str, Any]) -> Malformed:
    """One of the kinds, made from a good event, under an id of its own."""
    kind = draw.choice(KINDS)
    return Malformed(*kind(draw, {**event, "eventId": str(uuid.UUID(int=draw.getrandbits(128)))}))


def conflicting(event: dict[str, Any]) -> Malformed:
    """The same id with other content."""
    return Malformed(KEY, encoded({**event, "producer": "another"}), "CONFLICT")


def largest(draw: random.Random) -> Malformed:
    """No JSON, as large as the broker takes."""
    return Malformed(KEY, draw.randbytes(LARGEST), "NOT_JSON")


def encoded(event: dict[str, Any]) -> bytes:
    """An event as it travels."""
    return json.dumps(event).encode()


def _with_note(event: dict[str, Any], note: bytes) -> bytes:
    """The event with an unknown field in its payload, whose JSON text is given."""
    return encoded({**event, "data": {**event["data"], "note": 0}}).replace(b'"note": 0', b'"note": ' + note)


def _random_bytes(draw: random.Random, _: dict[str, Any]) -> Made:
    return KEY, b"\xff" + draw.randbytes(draw.randrange(300)), "NOT_JSON"


def _cut_off(draw: random.Random, event: dict[str, Any]) -> Made:
    value = encoded(event)
    return KEY, value[: draw.randrange(len(value))], "NOT_JSON"


def _no_value(draw: random.Random, _: dict[str, Any]) -> Made:
    return KEY, draw.choice([None, b""]), "NOT_JSON"


def _another_json(draw: random.Random, _: dict[str, Any]) -> Made:
    return KEY, json.dumps(draw.choice([None, True, 7, "text", [], [{}], {}])).encode(), "BAD_ENVELOPE"


def _wrong_type(draw: random.Random, event: dict[str, Any]) -> Made:
    field = draw.choice(["eventId", "timestamp", "producer", "data"])
    return (
        KEY,
        encoded({**event, field: draw.choice([None, True, 7, 1.5, [], "", "text"][: 7 - 2 * (field == "producer")])}),
        "BAD_ENVELOPE",
    )


def _missing_field(draw: random.Random, event: dict[str, Any]) -> Made:
    field = draw.choice(["eventId", "timestamp", "producer", "data"])
    return KEY, encoded({name: value for name, value in event.items() if name != field}), "BAD_ENVELOPE"


def _empty_payload(_: random.Random, event: dict[str, Any]) -> Made:
    return KEY, encoded({**event, "data": {}}), "BAD_PAYLOAD"


def _wrong_payload(draw: random.Random, event: dict[str, Any]) -> Made:
    field = draw.choice([name for name in event["data"] if name.endswith("Id") or name == "generation"])
    return (
        KEY,
        encoded({**event, "data": {**event["data"], field: draw.choice([1.5, [], {}, -1, 2**63])}}),
        "BAD_PAYLOAD",
    )


def _unknown_type(draw: random.Random, event: dict[str, Any]) -> Made:
    return KEY, encoded({**event, "eventType": draw.choice(["NOBODY_KNOWS", "DEAD_LETTER"])}), "UNKNOWN_TYPE"


def _unknown_version(draw: random.Random, event: dict[str, Any]) -> Made:
    return KEY, encoded({**event, "schemaVersion": draw.randint(2, 1_000)}), "UNKNOWN_VERSION"


def _impossible_time(draw: random.Random, event: dict[str, Any]) -> Made:
    year = draw.choice(["0000", "0001", "1999", "2100", "9999"])
    return KEY, encoded({**event, "timestamp": f"{year}-12-31T12:00:00Z"}), "BAD_ENVELOPE"


def _nul_character(_: random.Random, event: dict[str, Any]) -> Made:
    return KEY, _with_note(event, b'"a\\u0000b"'), "NUL_CHARACTER"


def _nul_byte(draw: random.Random, event: dict[str, Any]) -> Made:
    value = encoded(event)
    place = draw.randrange(len(value))
    return KEY, value[:place] + b"\0" + value[place:], "NOT_JSON"


def _lone_surrogate(draw: random.Random, event: dict[str, Any]) -> Made:
    return KEY, _with_note(event, b'"\\u%04x"' % draw.randint(0xD800, 0xDFFF)), "NOT_JSON"


def _invalid_utf8(draw: random.Random, event: dict[str, Any]) -> Made:
    return (
        KEY,
        _with_note(event, b'"' + draw.choice([b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xe6"]) + b'"'),
        "NOT_JSON",
    )


def _bad_key(draw: random.Random, event: dict[str, Any]) -> Made:
    return b"\xff" + draw.randbytes(3), encoded(event), "BAD_KEY"


def _nul_in_key(_: random.Random, event: dict[str, Any]) -> Made:
    return b"a\0b", encoded(event), "NUL_CHARACTER"


def _deep(draw: random.Random, event: dict[str, Any]) -> Made:
    depth = draw.choice([200, 1_000, 100_000])
    return KEY, _with_note(event, b"[" * depth + b"]" * depth), "NOT_JSON"


def _huge_number(draw: random.Random, event: dict[str, Any]) -> Made:
    return (
        KEY,
        _with_note(event, b"%s1e%s%d" % (*draw.choice([(b"", b""), (b"-", b"-")]), draw.randint(140_000, 10**9))),
        "UNSTORABLE",
    )


def _many_digits(draw: random.Random, event: dict[str, Any]) -> Made:
    return KEY, _with_note(event, b"9" * draw.randint(5_000, 50_000)), "NOT_JSON"


def _no_number(draw: random.Random, event: dict[str, Any]) -> Made:
    return KEY, _with_note(event, draw.choice([b"NaN", b"Infinity", b"-Infinity"])), "NOT_JSON"


def _a_key_twice(draw: random.Random, event: dict[str, Any]) -> Made:
    name, other = draw.choice([("eventId", "7"), ("data", [])])
    return KEY, encoded(event)[:-1] + b', "%s": %s}' % (name.encode(), json.dumps(other).encode()), "BAD_ENVELOPE"


KINDS: list[Callable[[random.Random, dict[str, Any]], Made]] = [
    _random_bytes, _cut_off, _no_value, _another_json, _wrong_type, _missing_field, _empty_payload, _wrong_payload,
    _unknown_type, _unknown_version, _impossible_time, _nul_character, _nul_byte, _lone_surrogate, _invalid_utf8,
    _bad_key, _nul_in_key, _deep, _huge_number, _many_digits, _no_number, _a_key_twice,
]  # fmt: skip
