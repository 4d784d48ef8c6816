"""Addresses of pages, and the `utm_…` parameters that were taken out of them, without what may identify a person.

They hold tokens, names and e-mail addresses: mailing tools write the recipient into their links.
"""

import re
from collections.abc import Callable, Mapping
from typing import Final

MAX_ADDRESS: Final = 2_000
PERSON: Final = "[email]"
"""In place of an e-mail address, as in logs."""

_AT: Final = re.compile(r"[@\uff20]|%(?:25)*40|%(?:25)*ef%(?:25)*bc%(?:25)*a0", re.IGNORECASE)
"""Written as it is or full-width, encoded once or more often."""
_SUSPECT: Final = re.compile(rf"[?#;]|{_AT.pattern}", re.IGNORECASE)
_LOGIN: Final = re.compile(r"(//)[^/]*@")
_SEPARATOR: Final = re.compile("[&;]")
_OF_A_SEGMENT: Final = re.compile(";[^/]*")
_PARAMETER: Final = "utm_"


def without_personal(address: str) -> str:
    """The address without login, fragment, e-mail addresses in its path, and all parameters but `utm_…`.

    Parameters stand behind `?` and `;`. It is cut where it is longer than the contract allows.
    """
    if _SUSPECT.search(address) is None:
        return address[:MAX_ADDRESS]
    page, _, query = address.partition("#")[0].partition("?")
    page = _OF_A_SEGMENT.sub("", page)
    if _AT.search(page) is not None:
        page = "/".join(PERSON if _AT.search(part, 1) else part for part in _LOGIN.sub(r"\1", page).split("/"))
    kept = [each for each in _SEPARATOR.split(query) if each.startswith(_PARAMETER) and not _AT.search(each)]
    return (f"{page}?{'&'.join(kept)}" if kept else page)[:MAX_ADDRESS]


def without_email(value: str) -> str:
    """The value of a `utm_…` parameter, unless there is an e-mail address in it."""
    return value if _AT.search(value, 1) is None else PERSON


CAMPAIGN: Final = ("utmSource", "utmMedium", "utmCampaign", "utmTerm", "utmContent")
CLEANED: Final[Mapping[str, Callable[[str], str]]] = {
    **dict.fromkeys(("pageUrl", "referrer"), without_personal),
    **dict.fromkeys(CAMPAIGN, without_email),
}
"""The fields of actions that are not kept as they come."""
