"""The words that an index holds: how often, how they are spoken, which begin alike and which are nearly equal."""

from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
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
        self._starts = sorted(start for entry in entries for start in self._put(entry))
        self._later: list[tuple[str, str]] = []

    def add(self, entries: Iterable[Entry]) -> None:
        """Have more words: few, in the time that these take, however many there are."""
        for entry in entries:
            for start in self._put(entry):
                insort(self._later, start)

    def _put(self, entry: Entry) -> list[tuple[str, str]]:
        """Have a word; its beginnings, if it is new."""
        if entry.key in self._entries:
            return []
        self._entries[entry.key] = entry
        self._by_sound[sound(entry.reading)].append(entry)
        self._neighbours.add(entry.reading, entry)
        written = [normalized(entry.surface)] if entry.surface.isascii() else []  # `cookies`, whose key is `cooky`
        return [(start, entry.key) for start in {entry.reading, entry.key, *written}]

    def get(self, key: str) -> Entry | None:
        """The entry of a word."""
        return self._entries.get(key)

    def sounding(self, reading: str) -> list[Entry]:
        """Words that sound like this, the most frequent first."""
        return sorted(self._by_sound.get(sound(reading), ()), key=rank)

    def beginning(self, start: str, limit: int) -> list[Entry]:
        """Words that are written or spoken with this beginning, what most products are first."""
        found = {key: self._entries[key] for starts in (self._starts, self._later) for key in _from(starts, start)}
        return sorted(found.values(), key=rank)[:limit]

    def near(self, reading: str) -> list[Entry]:
        """Words one typing error away, the nearest and then the most frequent first."""
        found = self._neighbours.find(reading)
        return [entry for _, entry in sorted(found, key=lambda each: (each[0], rank(each[1])))]


def _from(starts: Sequence[tuple[str, str]], start: str) -> Iterator[str]:
    """The keys of those that begin like this, of sorted ones."""
    for position in range(bisect_left(starts, (start, "")), len(starts)):
        text, key = starts[position]
        if not text.startswith(start):
            return
        yield key


def rank(entry: Entry) -> tuple[int, int, str]:
    """What sorts first is what most products are."""
    return (-entry.heads, -entry.count, entry.key)
