"""Words one typing error away from another, found without comparing it with all of them.

Two words that differ by one letter become equal when each loses one (as SymSpell does). Voicing marks and long marks do
not count.
"""

from collections import defaultdict
from collections.abc import Iterator
from typing import Generic, TypeVar

from services.catalog.search.text import LATIN, sound, unvoiced

SHORTEST = 4
"""A shorter word has too many neighbours to be taken for one of them."""
SHORTEST_LATIN = 5
SHORTEST_SOUND, SHORTEST_REPLACED = 3, 4
MOST_SPELLED = 2
Item = TypeVar("Item")


class Neighbours(Generic[Item]):
    """Items by what words they are found under."""

    def __init__(self) -> None:
        self._by_variant: dict[str, list[tuple[str, Item]]] = defaultdict(list)

    def add(self, reading: str, item: Item) -> None:
        """Find the item under this word."""
        if _is_long_enough(reading):
            for variant in _shortened(unvoiced(sound(reading))):
                self._by_variant[variant].append((reading, item))

    def find(self, reading: str) -> list[tuple[tuple[float, bool], Item]]:
        """The items under words with at most one error, and how near each is: what sorts first is nearer."""
        if not _is_long_enough(reading):
            return []
        variants = _shortened(unvoiced(sound(reading)))
        found = {id(item): (other, item) for each in variants for other, item in self._by_variant.get(each, ())}
        near = ((_nearness(reading, other), item) for other, item in found.values())
        return [(nearness, item) for nearness, item in near if nearness]


def _is_long_enough(reading: str) -> bool:
    shortest = SHORTEST_LATIN if LATIN.fullmatch(reading) else SHORTEST
    return len(reading) >= shortest and len(sound(reading)) >= SHORTEST_SOUND


def _nearness(reading: str, other: str) -> tuple[float, bool] | None:
    """How near two words are; None if there is more than one error: voicing, or one letter."""
    one, two = sound(reading), sound(other)
    distance = 0.5 if unvoiced(one) == unvoiced(two) else _distance(one, two)
    if distance > 1 or (distance == 1 and len(one) == len(two) < SHORTEST_REPLACED):
        return None
    if abs(len(reading) - len(other)) > MOST_SPELLED or _edits(reading, other) > MOST_SPELLED:
        return None  # alike in sound, and not in writing
    return distance, one[:1] != two[:1]


def _edits(one: str, other: str) -> int:
    """The edit distance."""
    before = list(range(len(other) + 1))
    for row, letter in enumerate(one, 1):
        now = [row]
        for column, opposite in enumerate(other, 1):
            now.append(min(before[column] + 1, now[-1] + 1, before[column - 1] + (letter != opposite)))
        before = now
    return before[-1]


def _shortened(text: str) -> Iterator[str]:
    """The text, and the text without each one of its letters."""
    yield text
    yield from {text[:position] + text[position + 1 :] for position in range(len(text))}


def _distance(one: str, other: str) -> int:
    """The edit distance, with neighbours changing places as one edit; 2 stands for all that is more than 1."""
    if one == other:
        return 0
    if abs(len(one) - len(other)) > 1:
        return 2
    start = 0
    while start < min(len(one), len(other)) and one[start] == other[start]:
        start += 1
    rest, other_rest = one[start:], other[start:]
    if rest[1:] == other_rest[1:] or rest[1:] == other_rest or rest == other_rest[1:]:
        return 1
    return 1 if rest[1::-1] + rest[2:] == other_rest else 2
