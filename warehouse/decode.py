"""Tells for each message whether the contract can read it: a row for its topic's table, or a refusal with its reason.

Most messages are read by msgspec structs, made from the contracts so that they take nothing which these refuse. The
rest is read by models put together from the contracts' own, envelope and payload in one pass; only what these refuse,
too, goes through `registry.parse`, which names the reason.
"""

import base64
import binascii
import re
from typing import NamedTuple

import msgspec
from aiokafka import ConsumerRecord
from pydantic import ValidationError

from services.contracts.envelope import Event
from services.contracts.events.dead_letters import DeadLetter
from services.contracts.fast_reader import read_fast
from services.contracts.registry import EVENTS, READERS, ContractError, parse, payload_in, peek

_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")
"""An escaped NUL character; `\\\\u0000` is an escaped backslash before harmless digits."""

_KNOWN_FIELDS = {str(field.alias) for field in Event.model_fields.values()}
_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode

_TOPIC_NAME = re.compile(r"[A-Za-z0-9._-]{1,249}")
"""What Kafka takes for a topic's name."""


class Row(NamedTuple):
    """One event as its table keeps it, with id and time as text; the names are the columns'."""

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
        ContractError: the contract cannot read it, or Postgres could not keep it.
    """
    return decode_fast(record) or _decode(record)


def decode_fast(record: ConsumerRecord) -> Row | None:
    """The row of a message as most are; None where the contract's own models must be asked."""
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
    value = record.value or b""
    try:
        seen = peek(value)
        event = READERS[record.topic, seen.event_type](value)
        data, unknown = str(seen.data, "utf-8"), _unknown_fields(value)
        key = None if record.key is None else str(record.key, "utf-8")
    except (msgspec.MsgspecError, RecursionError, KeyError, ValidationError, UnicodeDecodeError) as error:
        raise _refusal(record) from error
    if event.schema_version > EVENTS[event.event_type].version:
        raise _refusal(record)
    if _holds_nul(data) or _holds_nul(unknown or "") or (key is not None and "\0" in key):
        raise ContractError("NUL_CHARACTER", "a text contains U+0000, which Postgres cannot store")
    if isinstance(payload := payload_in(event), DeadLetter):
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
    """What an envelope says that this release does not know, as JSON: `raw` keeps all that was sent."""
    unknown = {name: text for name, text in _fields(value).items() if name not in _KNOWN_FIELDS}
    return msgspec.json.encode(unknown).decode() if unknown else None


def _refusal(record: ConsumerRecord) -> ContractError:
    """Why the contract refuses a message that the happy path could not read."""
    if record.value is None:
        return ContractError("NOT_JSON", "the message has no value")
    try:
        parse(record.topic, record.value)
    except ContractError as error:
        return ContractError(error.reason, str(error).replace("\0", ""))
    if record.key is not None:
        try:
            record.key.decode()
        except UnicodeDecodeError:
            return ContractError("BAD_KEY", "the key is not UTF-8")
    if not _is_json(record.value):
        return ContractError("NOT_JSON", "the message contains values that are not JSON, such as NaN or Infinity")
    return ContractError("BAD_ENVELOPE", "each field must have its contract name, and appear once")


def _is_json(value: bytes) -> bool:
    try:
        msgspec.json.decode(value)
    except msgspec.DecodeError:
        return False
    return True


def _check_dead_letter(letter: DeadLetter) -> None:
    """Refuse a dead letter whose bytes or topic `raw.dead_letters` could not take, or retry could not read."""
    try:
        for text in (letter.key, letter.value):
            base64.b64decode(text or "", validate=True)
    except binascii.Error as error:
        raise ContractError("BAD_PAYLOAD", "key, value: not base64") from error
    if not _TOPIC_NAME.fullmatch(letter.topic):
        raise ContractError("BAD_PAYLOAD", "topic: not a topic's name")
