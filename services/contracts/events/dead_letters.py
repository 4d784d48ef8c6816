"""What a service's consumer gave up: `dead-letters.v1`; landing brings it to `raw.dead_letters`."""

from typing import Annotated

from pydantic import Field

from services.contracts.envelope import MAX_ID, MAX_INTEGER, Contract, Text, Timestamp


class DeadLetter(Contract):
    """DEAD_LETTER: the message as it was (base64), where it stood, and why it could not be handled."""

    consumer: Text
    reason: Text
    detail: Text | None = None
    topic: Text
    partition: Annotated[int, Field(ge=0, le=MAX_INTEGER)]
    offset: Annotated[int, Field(ge=0, le=MAX_ID)]
    key: str | None = None
    value: str | None = None
    failed_at: Timestamp
