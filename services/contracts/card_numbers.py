"""Card numbers are refused where people can write them, so that none enters (PCI DSS, SAQ A).

    ReviewText = Annotated[str, AfterValidator(no_card_number)]

A card number is 14 to 19 digits, alone or in groups, that pass the check of ISO/IEC 7812-1 (Luhn) and have the prefix
and the length of an issuer. It is found beside other numbers, too, such as its date and its code, if it stands there in
groups of at least four. Typed fields (ids, dates, amounts) and the shop's product codes are not looked at; a phone
number with its `+` is none, nor is a UUID. Cards of 13 digits are not issued any more, and Japanese article numbers
look like them.
"""

import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import unquote_plus

_BETWEEN: Final = r"[\s._\u00ad\u2010-\u2015\u2212\u200b-\u200f\u202a-\u202e\u2060\ufeff\uff0d\u30fc-]{0,3}"
"""What separates groups of digits: spaces, dots and dashes of all kinds, also those that nobody sees."""
_DIGITS: Final = re.compile(rf"[0-9](?:{_BETWEEN}[0-9]){{13,}}")
_GROUP: Final = re.compile(r"[0-9]+")
_UUID: Final = re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", re.IGNORECASE)
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
SHORTEST, LONGEST, SHORTEST_GROUP, LONGEST_PHONE_NUMBER = 14, 19, 4, 15


def no_card_number(text: str) -> str:
    """The text, if there is no card number in it.

    Raises:
        ValueError: there is one; the message does not repeat it.
    """
    if has_card_number(text):
        raise ValueError("must not contain a card number: it is entered at the payment provider alone")
    return text


def no_card_number_in_address(address: str) -> str:
    """The web address, if there is no card number in it, encoded or not; raises likewise."""
    no_card_number(unquote_plus(address))
    return address


def has_card_number(text: str) -> bool:
    """Whether a card number stands in a text, in digits of whatever script."""
    if len(text) < SHORTEST:  # `_plain` lengthens nothing
        return False
    plain = _plain(text)
    return any(not _is_phone_number(plain, *place) for place in _cards(plain))


def masked(text: str) -> str:
    """The text without its card numbers."""
    plain = _plain(text)
    pieces: list[str] = []
    end = 0
    for start, after in _cards(plain):
        pieces += [plain[end:start], MASK]
        end = after
    return "".join((*pieces, plain[end:]))


def _plain(text: str) -> str:
    return _FOREIGN_DIGIT.sub(lambda digit: str(int(digit[0])), text)


def _cards(text: str) -> Iterator[tuple[int, int]]:
    """Where card numbers begin and end, in order; they do not overlap."""
    if _DIGITS.search(text) is None:
        return
    text = _UUID.sub(lambda found: "x" * len(found[0]), text)
    for run in _DIGITS.finditer(text):
        groups = [each.span() for each in _GROUP.finditer(text, *run.span())]
        first = 0
        while first < len(groups):
            last = _last_group(text, groups, first)
            if last is not None:
                yield groups[first][0], groups[last][1]
            first = first + 1 if last is None else last + 1


def _last_group(text: str, groups: list[tuple[int, int]], first: int) -> int | None:
    """The last group of the card number that begins with this one; None if none does."""
    found, digits, is_grouped = None, "", True
    for place in range(first, len(groups)):
        start, end = groups[place]
        digits += text[start:end]
        is_alone = first == 0 and place == len(groups) - 1
        if len(digits) > LONGEST or not (is_grouped or first == 0):
            break
        if (is_grouped or is_alone) and _is_card(digits):
            found = place
        is_grouped = is_grouped and end - start >= SHORTEST_GROUP
    return found


def _is_phone_number(text: str, start: int, end: int) -> bool:
    """Whether it has the `+` of one, and no more digits."""
    return text[:start].endswith("+") and sum(each.isdigit() for each in text[start:end]) <= LONGEST_PHONE_NUMBER


def _is_card(digits: str) -> bool:
    is_issued = any(len(digits) in lengths and prefix.match(digits) for prefix, lengths in _ISSUERS)
    return is_issued and _passes_luhn(digits)


def _passes_luhn(digits: str) -> bool:
    doubled = (int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(digits)))
    return sum(each // 10 + each % 10 for each in doubled) % 10 == 0
