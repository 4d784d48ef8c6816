"""Email addresses as fields of requests: checked for their form, never by a question to the network."""

import unicodedata
from typing import Annotated

from email_validator import EmailNotValidError, validate_email
from pydantic import AfterValidator, Field

LONGEST = 254


def _normalised(address: str) -> str:
    try:
        return validate_email(address, check_deliverability=False).normalized
    except EmailNotValidError as error:
        raise ValueError(f"must be an email address: {error}") from None


EmailAddress = Annotated[
    str,
    Field(min_length=3, max_length=LONGEST, pattern=r"^[^\x00]+$", examples=["hana@example.com"]),
    AfterValidator(_normalised),
]
"""An address with its domain in lower case."""


def key_of(email: str) -> str:
    """The text by which an address is unique: the case of its letters does not matter."""
    return unicodedata.normalize("NFC", email.casefold())
