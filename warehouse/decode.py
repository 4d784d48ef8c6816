"""Tells for each message whether the contract can read it: a row for its topic's table, or a refusal with its reason.

The happy path validates envelope and payload in one pass, by models put together from the contracts' own; only what
that pass refuses goes through `registry.parse`, which names the reason.
"""

import base64
import binascii
import re
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import NamedTuple
from uuid import UUID

import msgspec
from aiokafka import ConsumerRecord
from pydantic import ValidationError, create_model

from services.contracts.envelope import Event
from services.contracts.events.dead_letters import DeadLetter
from services.contracts.registry import EVENTS, ContractError, EventType, parse

_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")
"""An escaped NUL character; `\\\\u0000` is an escaped backslash before harmless digits."""

_TOPIC_NAME = re.compile(r"[A-Za-z0-9._-]{1,249}")
"""What Kafka takes for a topic's name."""


class Row(NamedTuple):
    """One event as its table keeps it; the names are the columns'."""

    event_id: UUID
    event_type: str
    schema_version: int
    occurred_at: datetime
    producer: str
    key: str | None
    data: str
    topic: str
    kafka_partition: int
    kafka_offset: int


class _Peek(msgspec.Struct, rename="camel"):
    """What must be known before the model is chosen, and the payload's text as it was sent."""

    event_type: str
    data: msgspec.Raw


_peek = msgspec.json.Decoder(_Peek).decode


def _reader(kind: EventType) -> Callable[[bytes], Event]:
    model = create_model(kind.name, __base__=Event, data=(kind.payload, ...))
    return partial(model.__pydantic_validator__.validate_json, by_name=False)


_READERS = {(kind.topic, kind.name): (_reader(kind), kind.version) for kind in EVENTS.values()}


def decode(record: ConsumerRecord) -> Row:
    """The row of one message.

    Raises:
        ContractError: the contract cannot read it, or Postgres could not keep it.
    """
    value = record.value or b""
    try:
        peek = _peek(value)
        read, version = _READERS[record.topic, peek.event_type]
        event = read(value)
        data = str(peek.data, "utf-8")
        key = None if record.key is None else str(record.key, "utf-8")
    except (msgspec.MsgspecError, RecursionError, KeyError, ValidationError, UnicodeDecodeError) as error:
        raise _refusal(record) from error
    if event.schema_version > version:
        raise _refusal(record)
    if ("\\u0000" in data and _NUL.search(data)) or (key is not None and "\0" in key):
        raise ContractError("NUL_CHARACTER", "a text holds the character U+0000, which Postgres cannot keep")
    if isinstance(event.data, DeadLetter):
        _check_dead_letter(event.data)
    return Row(
        event.event_id,
        event.event_type,
        event.schema_version,
        event.timestamp,
        event.producer,
        key,
        data,
        record.topic,
        record.partition,
        record.offset,
    )


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
        return ContractError("NOT_JSON", "the message holds what only Python's JSON knows, such as NaN or Infinity")
    return ContractError("BAD_ENVELOPE", "fields must bear their names on the wire, once each")


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
