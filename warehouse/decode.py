"""Tells for each message whether the contract can read it: a row for its topic's table, or a refusal with its reason.

Most messages are read by msgspec structs, made from the contracts so that they accept nothing that these refuse. All
others go through `registry.parse`, which also gives the reason of a refusal.
"""

import base64
import re
from typing import NamedTuple

import msgspec
from aiokafka import ConsumerRecord

from services.contracts.envelope import Event
from services.contracts.events.dead_letters import DeadLetter
from services.contracts.fast_reader import read_fast
from services.contracts.registry import ContractError, parse, read_head

_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")
"""An escaped NUL character; `\\\\u0000` is an escaped backslash before harmless digits."""

_KNOWN_FIELDS = {str(field.alias) for field in Event.model_fields.values()}
_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode

_TOPIC_NAME = re.compile(r"[A-Za-z0-9._-]{1,249}")
"""Kafka's valid topic names."""


class Row(NamedTuple):
    """One event as a row of its table, with id and time as text; the names are the columns'."""

    event_id: str
    event_type: str
    schema_version: int
    occurred_at: str
    producer: str
    key: str | None
    data: str
    topic: str
    kafka_partition: int
    kafka_offset: int
    traceparent: str | None
    unknown_fields: str | None


def decode(record: ConsumerRecord) -> Row:
    """The row of one message.

    Raises:
        ContractError: the contract cannot read it, or Postgres could not store it.
    """
    return decode_fast(record) or _decode(record)


def decode_fast(record: ConsumerRecord) -> Row | None:
    """The row of an ordinary message; None if the contract's own models must read it."""
    if (read := read_fast(record.topic, record.value or b"")) is None:
        return None
    envelope, _ = read
    try:
        data = str(envelope.data, "utf-8")
        key = None if record.key is None else str(record.key, "utf-8")
    except UnicodeDecodeError:
        return None
    if key is not None and "\0" in key:
        return None
    return Row(
        envelope.event_id,
        envelope.event_type,
        envelope.schema_version,
        envelope.timestamp,
        envelope.producer,
        key,
        data,
        record.topic,
        record.partition,
        record.offset,
        envelope.traceparent,
        None,
    )


def _decode(record: ConsumerRecord) -> Row:
    if (value := record.value) is None:
        raise ContractError("NOT_JSON", "the message has no value")
    try:
        event, payload = parse(record.topic, value)
    except ContractError as error:
        raise ContractError(error.reason, str(error).replace("\0", "")) from error
    try:
        key = None if record.key is None else str(record.key, "utf-8")
    except UnicodeDecodeError as error:
        raise ContractError("BAD_KEY", "the key is not UTF-8") from error
    data, unknown = str(read_head(value).data, "utf-8"), _unknown_fields(value)
    if _holds_nul(data) or _holds_nul(unknown or "") or (key is not None and "\0" in key):
        raise ContractError("NUL_CHARACTER", "a text contains U+0000, which Postgres cannot store")
    if isinstance(payload, DeadLetter):
        _check_dead_letter(payload)
    return Row(
        str(event.event_id),
        event.event_type,
        event.schema_version,
        event.timestamp.isoformat(),
        event.producer,
        key,
        data,
        record.topic,
        record.partition,
        record.offset,
        event.traceparent,
        unknown,
    )


def _holds_nul(json: str) -> bool:
    return "\\u0000" in json and _NUL.search(json) is not None


def _unknown_fields(value: bytes) -> str | None:
    """The envelope fields unknown to this release, as JSON: `raw` keeps everything that was sent."""
    unknown = {name: text for name, text in _fields(value).items() if name not in _KNOWN_FIELDS}
    return msgspec.json.encode(unknown).decode() if unknown else None


def _check_dead_letter(letter: DeadLetter) -> None:
    """Refuse a dead letter whose bytes or topic `raw.dead_letters` could not store, or a retry could not read."""
    try:
        for text in (letter.key, letter.value):
            base64.b64decode(text or "", validate=True)
    except ValueError as error:  # not ASCII, or not base64
        raise ContractError("BAD_PAYLOAD", "key, value: not base64") from error
    if not _TOPIC_NAME.fullmatch(letter.topic):
        raise ContractError("BAD_PAYLOAD", "topic: not a topic's name")
