"""Card numbers are refused where people can write them, so that none enters (PCI DSS, SAQ A).

    ReviewText = Annotated[str, AfterValidator(no_card_number)]

A card number is 14 to 19 digits, alone or in groups, that pass the check of ISO/IEC 7812-1 (Luhn) and have the prefix
and the length of an issuer. Typed fields (ids, dates, amounts) and the shop's product codes are not looked at; a phone
number with its `+` is none. Cards of 13 digits are not issued any more, and Japanese article numbers look like them.
"""

import re
from typing import Final

_DIGITS: Final = re.compile(r"(?<![0-9+])[0-9](?:[ .\u00a0\u3000_-]{0,3}[0-9]){13,18}(?![0-9])")
_FOREIGN_DIGIT: Final = re.compile(r"[^\D0-9]")
"""Of another script, such as a full-width one."""
_ISSUERS: Final = (
    (re.compile(r"4"), {16, 19}),  # Visa
    (re.compile(r"5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720"), {16}),  # Mastercard
    (re.compile(r"3[47]"), {15}),  # American Express
    (re.compile(r"3(?:0[0-5]|095|[689])"), {14, 16, 17, 18, 19}),  # Diners Club
    (re.compile(r"35(?:2[89]|[3-8])"), {16, 17, 18, 19}),  # JCB
    (re.compile(r"6(?:011|4[4-9]|5)"), {16, 17, 18, 19}),  # Discover
    (re.compile(r"62|81"), {16, 17, 18, 19}),  # UnionPay
    (re.compile(r"5[0678]|6[0-9]"), {14, 15, 16, 17, 18, 19}),  # Maestro
)
MASK: Final = "[card number]"


def no_card_number(text: str) -> str:
    """The text, if there is no card number in it.

    Raises:
        ValueError: there is one; the message does not repeat it.
    """
    if has_card_number(text):
        raise ValueError("must not contain a card number: it is entered at the payment provider alone")
    return text


def has_card_number(text: str) -> bool:
    """Whether a card number stands in a text, in digits of whatever script."""
    return any(_is_card(found[0]) for found in _DIGITS.finditer(_plain(text)))


def masked(text: str) -> str:
    """The text without its card numbers."""
    return _DIGITS.sub(lambda found: MASK if _is_card(found[0]) else found[0], _plain(text))


def _plain(text: str) -> str:
    return _FOREIGN_DIGIT.sub(lambda digit: str(int(digit[0])), text)


def _is_card(written: str) -> bool:
    digits = re.sub(r"[^0-9]", "", written)
    is_issued = any(len(digits) in lengths and prefix.match(digits) for prefix, lengths in _ISSUERS)
    return is_issued and _passes_luhn(digits)


def _passes_luhn(digits: str) -> bool:
    doubled = (int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(digits)))
    return sum(each // 10 + each % 10 for each in doubled) % 10 == 0
