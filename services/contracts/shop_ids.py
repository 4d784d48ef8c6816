"""Event ids derived from the shop's own ids: the same import, sent twice, gives the same events."""

from hashlib import blake2b

LARGEST_ORDER_ID = 2**53 - 1
"""The largest integer that every JSON reader keeps exact."""
DIGITS = len(str(LARGEST_ORDER_ID))
FIRST_OWN_ORDER_ID = 8_000_000_000_000_001
"""The number of our first own order: above those of shops, and exact in every JSON reader."""


def event_id(source: str, milliseconds: int) -> str:
    """A UUIDv7 whose time is the event's and whose random part is a hash of the source's name.

    Args:
        source: kind and id in the shop's systems, e.g. `ORDER_COMPLETED/31198570044`.
        milliseconds: the event's time since 1970, UTC.
    """
    time = f"{milliseconds:012x}"
    digest = blake2b(source.encode(), digest_size=10).hexdigest()
    variant = "89ab"[int(digest[3], 16) & 3]
    return f"{time[:8]}-{time[8:]}-7{digest[:3]}-{variant}{digest[4:7]}-{digest[7:19]}"


def order_id(external_id: str) -> int:
    """The shop's order number if it is a number, and below ours; else a 53-bit hash of its text."""
    is_number = external_id.isascii() and external_id.isdecimal() and not external_id.startswith("0")
    if is_number and len(external_id) <= DIGITS and int(external_id) < FIRST_OWN_ORDER_ID:
        return int(external_id)
    digest = int.from_bytes(blake2b(external_id.encode(), digest_size=8).digest(), "big")
    return max(1, digest & LARGEST_ORDER_ID)
