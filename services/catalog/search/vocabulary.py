"""The words that an index holds: how often, how they are spoken, which begin alike and which are nearly equal."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from services.catalog.search.neighbours import Neighbours
from services.catalog.search.text import normalized, sound


@dataclass(frozen=True, slots=True)
class Entry:
    """A word of the index: `heads` products are this kind of thing, `count` have it at all beyond the description."""

    key: str
    reading: str
    surface: str
    heads: int
    count: int


class Vocabulary:
    """All words of an index, and their neighbours."""

    def __init__(self, entries: Iterable[Entry], documents: int) -> None:
        self.documents = documents
        self._entries: dict[str, Entry] = {}
        self._by_sound: dict[str, list[Entry]] = defaultdict(list)
        self._neighbours: Neighbours[Entry] = Neighbours()
        self._starts: list[tuple[str, str]] = []
        self.add(entries)

    def add(self, entries: Iterable[Entry]) -> None:
        """Have more words."""
        for entry in entries:
            if entry.key not in self._entries:
                self._put(entry)
        self._starts.sort()  # quick: all but the end is sorted

    def _put(self, entry: Entry) -> None:
        self._entries[entry.key] = entry
        self._by_sound[sound(entry.reading)].append(entry)
        self._neighbours.add(entry.reading, entry)
        written = [normalized(entry.surface)] if entry.surface.isascii() else []  # `cookies`, whose key is `cooky`
        self._starts += [(start, entry.key) for start in {entry.reading, entry.key, *written}]

    def get(self, key: str) -> Entry | None:
        """The entry of a word."""
        return self._entries.get(key)

    def sounding(self, reading: str) -> list[Entry]:
        """Words that sound like this, the most frequent first."""
        return sorted(self._by_sound.get(sound(reading), ()), key=rank)

    def beginning(self, start: str, limit: int) -> list[Entry]:
        """Words that are written or spoken with this beginning, what most products are first."""
        first = bisect_left(self._starts, (start, ""))
        found = {}
        for position in range(first, len(self._starts)):
            text, key = self._starts[position]
            if not text.startswith(start):
                break
            found[key] = self._entries[key]
        return sorted(found.values(), key=rank)[:limit]

    def near(self, reading: str) -> list[Entry]:
        """Words one typing error away, the nearest and then the most frequent first."""
        found = self._neighbours.find(reading)
        return [entry for _, entry in sorted(found, key=lambda each: (each[0], rank(each[1])))]


def rank(entry: Entry) -> tuple[int, int, str]:
    """What sorts first is what most products are."""
    return (-entry.heads, -entry.count, entry.key)
