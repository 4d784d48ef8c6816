"""The envelope of every event, and the field types of payloads.

Readers ignore unknown fields, because an additive change keeps the schema version; APIs refuse them.
"""

from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Self
from uuid import UUID

import msgspec
import uuid_utils
import uuid_utils.compat
from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, JsonValue, ValidationInfo
from pydantic.alias_generators import to_camel

from services.contracts import money, string_formats
from services.contracts.string_formats import StringFormat

PII = {"x-pii": True}
"""Marks a field as personal data: it is masked in logs, and in no mart, or only with the tag `personal`."""

MAX_ID = 2**63 - 1
MAX_INTEGER = 2**31 - 1
"""The maximum of a column of type `int`."""
MAX_QUANTITY = 1_000_000
OLDEST, YOUNGEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
"""The valid range of times: from the first, until before the second."""

Id = Annotated[int, Field(strict=True, ge=1, le=MAX_ID)]
UserId = Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[^\x00\s/]+$")]
VISITOR = "anon:"
"""The prefix of the user id of a visitor who is not logged in."""
ERASED = "erased:"
"""The prefix of the random id that stands in the warehouse for a user who was deleted."""
VisitorId = Annotated[str, Field(min_length=6, max_length=128, pattern=r"^anon:[^\x00\s/]+$")]
"""The user id of a visitor, as in the visitor's actions."""
Text = Annotated[str, Field(max_length=2_000, pattern=r"^[^\x00]*$")]
LongText = Annotated[str, Field(max_length=20_000, pattern=r"^[^\x00]*$")]
Version = Annotated[int, Field(strict=True, ge=0, le=MAX_ID)]
"""Of a part of an aggregate; it grows with its changes, and 0 is the version of events without one."""
Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$")]


def _of_its_currency(amount: Decimal, info: ValidationInfo) -> Decimal:
    return money.exact(amount, (info.data or {}).get("currency"))


def _read_money(text: str, info: ValidationInfo) -> Decimal:
    return _of_its_currency(Decimal(text), info)


Money = Annotated[
    Decimal,
    Field(
        strict=False,
        max_digits=15,
        decimal_places=3,
        ge=0,
        description="With no more decimals than its currency has (ISO 4217).",
    ),
    AfterValidator(_of_its_currency),
    StringFormat(string_formats.MONEY, "12.30", read=_read_money),
]
"""An amount in the `currency` of its model, which must be declared before it: it has no more decimals than that."""
Quantity = Annotated[int, Field(strict=True, ge=0, le=MAX_QUANTITY)]
Rating = Annotated[float, Field(strict=True, ge=0, le=5, allow_inf_nan=False)]
Timestamp = Annotated[
    AwareDatetime,
    Field(strict=False, ge=OLDEST, lt=YOUNGEST),
    StringFormat(string_formats.RFC_3339, "2026-11-25T09:00:00Z", "date-time"),
]
"""An instant with its offset, in the valid range of times."""


class Contract(BaseModel):
    """The base of payloads and envelope: camelCase names, immutable, unknown fields ignored.

    A value of another type than its schema names is refused: nothing is converted that a reader in another language, or
    a cast in SQL, would not convert.
    """

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        frozen=True,
        extra="ignore",
        strict=True,
        allow_inf_nan=False,
        ser_json_inf_nan="null",
    )

    version: ClassVar[int] = 1
    """The version of the payload's schema; an additive change keeps it."""


class DisplayType(StrEnum):
    """The six shelves of the top page."""

    SALE = "SALE"
    RECOMMENDED = "RECOMMENDED"
    REPURCHASE = "REPURCHASE"
    DAILY_DEAL = "DAILY_DEAL"
    RECOMMENDED_CATEGORY = "RECOMMENDED_CATEGORY"
    CONTINUE_SHOPPING = "CONTINUE_SHOPPING"


class Envelope(Contract):
    """The fields of every message beside the payload."""

    event_id: UUID
    event_type: Annotated[str, Field(pattern=r"^[A-Z][A-Z_]{1,63}$")]
    schema_version: Annotated[int, Field(ge=1, le=1_000)] = 1
    timestamp: Timestamp
    producer: Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[^\x00]+$")]
    traceparent: Annotated[str, Field(pattern=r"^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$")] | None = None


class Event(Envelope):
    """One message on a topic; `data` is the payload that `registry.EVENTS` names for `event_type`."""

    data: dict[str, JsonValue]

    @classmethod
    def of(
        cls,
        event_type: str,
        data: Contract,
        *,
        producer: str,
        event_id: UUID | None = None,
        timestamp: datetime | None = None,
        traceparent: str | None = None,
    ) -> Self:
        """An event with this payload and a new UUIDv7, which happened at `timestamp` (default: now)."""
        return cls(
            event_id=event_id or new_event_id(),
            event_type=event_type,
            schema_version=data.version,
            timestamp=timestamp or datetime.now(UTC),
            producer=producer,
            traceparent=traceparent,
            data=payload_of(data),
        )

    def to_bytes(self) -> bytes:
        """The message value: UTF-8 JSON with the unchanged payload."""
        envelope = (self.event_id, self.event_type, self.schema_version, self.timestamp, self.producer)
        return msgspec.json.encode(_Message(*envelope, self.data, self.traceparent))


class _Message(msgspec.Struct, rename="camel", omit_defaults=True, gc=False):
    event_id: UUID | str
    event_type: str
    schema_version: int
    timestamp: datetime
    producer: str
    data: msgspec.Raw | msgspec.Struct | dict[str, Any]
    traceparent: str | None = None


def message_of(
    event_type: str,
    data: Contract | msgspec.Struct,
    *,
    producer: str,
    event_id: UUID | str,
    timestamp: datetime,
    traceparent: str | None = None,
    with_defaults: bool = True,
) -> bytes:
    """The bytes of `Event.of(…)` without validation of the envelope, for producers of thousands of events a second.

    The payload may be the struct of its model (`structs.struct_of`), and the id may be the text of a UUID. A model is
    written without the fields that nobody gave unless it is `with_defaults`.
    """
    payload = data if isinstance(data, msgspec.Struct) else _written(data, with_defaults=with_defaults)
    version: int = data.version  # type: ignore[union-attr]  # structs of `struct_of` have the version of their models
    return msgspec.json.encode(_Message(event_id, event_type, version, timestamp, producer, payload, traceparent))


def _written(data: Contract, *, with_defaults: bool = True) -> msgspec.Raw:
    text = data.model_dump_json(by_alias=True, exclude_none=True, exclude_unset=not with_defaults)
    return msgspec.Raw(text.encode())


def payload_of(data: Contract) -> dict[str, Any]:
    """A payload as a JSON object: camelCase, money as decimal strings, no empty fields."""
    return data.model_dump(mode="json", by_alias=True, exclude_none=True)


def new_event_id() -> UUID:
    """A new UUIDv7 (RFC 9562): unique, and ordered by time."""
    return uuid_utils.compat.uuid7()


def new_event_id_text() -> str:
    """The same as text, in a fraction of the time."""
    return str(uuid_utils.uuid7())
