"""The envelope around every event, and the field types that payloads are made of.

Unknown fields are ignored when reading, for an additive change keeps the schema version; APIs refuse them at the edge.
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

from services.contracts import money, spelling
from services.contracts.spelling import Spelled

PII = {"x-pii": True}
"""Marks a field as personal: masked in logs, and no mart has it, or only with the tag `personal`."""

MAX_ID = 2**63 - 1
MAX_INTEGER = 2**31 - 1
"""The largest number that a column of type `int` holds."""
MAX_QUANTITY = 1_000_000
OLDEST, YOUNGEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
"""The century in which a store can have sold something: from the first until before the second."""

Id = Annotated[int, Field(strict=True, ge=1, le=MAX_ID)]
UserId = Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[^\x00\s/]+$")]
VISITOR = "anon:"
"""So begins the user id of someone who is not logged in."""
Text = Annotated[str, Field(max_length=2_000, pattern=r"^[^\x00]*$")]
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
    Spelled(spelling.MONEY, "12.30", read=_read_money),
]
"""An amount in the `currency` of its model, which stands before it there: it has no more decimals than that."""
Quantity = Annotated[int, Field(strict=True, ge=0, le=MAX_QUANTITY)]
Rating = Annotated[float, Field(strict=True, ge=0, le=5, allow_inf_nan=False)]
Timestamp = Annotated[
    AwareDatetime,
    Field(strict=False, ge=OLDEST, lt=YOUNGEST),
    Spelled(spelling.RFC_3339, "2026-11-25T09:00:00Z", "date-time"),
]
"""An instant with its offset, within a century in which a store can have sold something."""


class Contract(BaseModel):
    """Base of everything on the wire: camelCase names, immutable, unknown fields ignored.

    A value has the type that its schema names, or is refused: nothing is converted that a reader in another language,
    or a cast in SQL, would not convert.
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
    """Of the schema of a payload: an additive change keeps it."""


class DisplayType(StrEnum):
    """The six shelves of the top page."""

    SALE = "SALE"
    RECOMMENDED = "RECOMMENDED"
    REPURCHASE = "REPURCHASE"
    DAILY_DEAL = "DAILY_DEAL"
    RECOMMENDED_CATEGORY = "RECOMMENDED_CATEGORY"
    CONTINUE_SHOPPING = "CONTINUE_SHOPPING"


class Envelope(Contract):
    """What every message says of its event beside the payload."""

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
        """Wrap a payload that happened at `timestamp` (now, if none is given) under a fresh UUIDv7."""
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
        """The message value: UTF-8 JSON, whose payload is as it was given."""
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
) -> bytes:
    """The bytes of `Event.of(…)`, whose envelope is not checked again, for those who send thousands a second.

    The payload may be the struct of its model (`structs.struct_of`), and the id the text of a UUID.
    """
    payload = data if isinstance(data, msgspec.Struct) else _written(data)
    version: int = data.version  # type: ignore[union-attr]  # `struct_of` gives structs that of their models
    return msgspec.json.encode(_Message(event_id, event_type, version, timestamp, producer, payload, traceparent))


def _written(data: Contract) -> msgspec.Raw:
    return msgspec.Raw(data.model_dump_json(by_alias=True, exclude_none=True).encode())


def payload_of(data: Contract) -> dict[str, Any]:
    """A payload as the JSON object that travels: camelCase, money as decimal strings, no empty fields."""
    return data.model_dump(mode="json", by_alias=True, exclude_none=True)


def new_event_id() -> UUID:
    """A UUIDv7 (RFC 9562): unique, and ordered by the time it was made."""
    return uuid_utils.compat.uuid7()


def new_event_id_text() -> str:
    """The same as text, which is made in a fraction of the time."""
    return str(uuid_utils.uuid7())
