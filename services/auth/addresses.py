"""Email addresses as fields of requests: checked for their form, never by a question to the network."""

from typing import Annotated

from email_validator import EmailNotValidError, validate_email
from pydantic import AfterValidator, Field

LONGEST = 254


def _normalised(address: str) -> str:
    try:
        found = validate_email(address, check_deliverability=False, allow_smtputf8=False)
    except EmailNotValidError as error:
        raise ValueError(f"must be an email address: {error}") from None
    return str(found.ascii_email)


EmailAddress = Annotated[
    str,
    Field(min_length=3, max_length=LONGEST, pattern=r"^[^\x00]+$", examples=["hana@example.com"]),
    AfterValidator(_normalised),
]
"""An address that every mail server takes: in ASCII, its domain in lower case (`xn--…` for other letters)."""


def key_of(email: str) -> str:
    """The text by which an address is unique: the case of its letters does not matter."""
    return email.lower()
