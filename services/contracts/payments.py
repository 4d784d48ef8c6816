"""How a shopper pays."""

from enum import StrEnum
from typing import Annotated, Final
from uuid import UUID, uuid5

from pydantic import AfterValidator, Field

from services.contracts.card_numbers import no_card_number, no_card_number_in_address


class PaymentMethod(StrEnum):
    """The plan's methods."""

    CREDIT_CARD = "CREDIT_CARD"
    DEBIT_CARD = "DEBIT_CARD"
    PAYPAL = "PAYPAL"
    BANK_TRANSFER = "BANK_TRANSFER"
    AMAZON_PAY = "AMAZON_PAY"
    APPLE_PAY = "APPLE_PAY"
    GOOGLE_PAY = "GOOGLE_PAY"


CANCELLED: Final = "cancelled"
"""What the refund of a payment is called whose order was given up: order and payment may both find that it is due."""


def id_of_refund(payment_id: UUID, what: str) -> UUID:
    """The id of a refund: one that is made again is the same one."""
    return uuid5(payment_id, what)


PaymentToken = Annotated[
    str, Field(min_length=1, max_length=500, pattern=r"^[!-~]+$", examples=["pm_1Nabc"]), AfterValidator(no_card_number)
]
"""What stands for a card or an account at the payment provider."""
ReturnUrl = Annotated[
    str,
    Field(max_length=2_000, pattern=r"^https?://[^\s\x00]+$", examples=["https://shop.example/orders"]),
    AfterValidator(no_card_number_in_address),
]
"""The page to which the provider sends the shopper back."""
