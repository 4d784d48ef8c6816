"""The shop's dictionary: words for the same thing, kinds of a thing, and words that ask for nothing."""

import logging
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from services.catalog.search.analysis import Analyzer, joined
from services.catalog.search.neighbours import Neighbours
from services.catalog.search.text import folded, normalized, sound

logger = logging.getLogger(__name__)
SEPARATORS = str.maketrans({"、": ",", "，": ",", "＞": ">"})
SYNONYMS = Path(__file__).with_name("synonyms.txt")
NOISE = Path(__file__).with_name("noise.txt")


@dataclass(frozen=True)
class Related:
    """What else a word may be called: the same thing, and kinds of it."""

    same: Mapping[str, None] = field(default_factory=dict)
    kinds: Mapping[str, None] = field(default_factory=dict)


class Dictionary:
    """Words by their key: see `docs/howto/add-a-synonym.md` for the files."""

    def __init__(self, analyzer: Analyzer, synonyms: str, noise: str) -> None:
        self._analyzer = analyzer
        self._same: dict[str, dict[str, None]] = defaultdict(dict)
        self._kinds: dict[str, dict[str, None]] = defaultdict(dict)
        self._by_reading: dict[str, str] = {}
        self._by_sound: dict[str, str] = {}
        self._neighbours: Neighbours[str] = Neighbours()
        self._noise = {key for line in _lines(noise) for key in self._keys(line)}
        for line in _lines(synonyms):
            self._add(line)
        for reading, key in self._by_reading.items():
            self._neighbours.add(reading, key)

    @classmethod
    def load(cls, analyzer: Analyzer, own: Path | None = None) -> "Dictionary":
        """The dictionary that comes with the software, and the shop's own synonyms."""
        of_shop = own.read_text(encoding="utf-8-sig") if own else ""
        synonyms = f"{SYNONYMS.read_text(encoding='utf-8')}\n{of_shop}"
        dictionary = cls(analyzer, synonyms, NOISE.read_text(encoding="utf-8"))
        if ignored := dictionary.ignored(of_shop):
            logger.warning("%s: these are not single words and are ignored: %s", own, "; ".join(ignored))
        return dictionary

    def ignored(self, synonyms: str) -> list[str]:
        """The names in synonyms that the search cannot read as one word, with the numbers of their lines."""
        lines = ((number, line) for number, each in enumerate(synonyms.splitlines(), start=1) for line in _lines(each))
        names = ((number, name.strip()) for number, line in lines for name in re.split("[,>]", line))
        return [f"line {number}: {name}" for number, name in names if name and not any(self._keys(name))]

    def _add(self, line: str) -> None:
        general, _, narrow = line.partition(">")
        words = [key for name in general.split(",") for key in self._keys(name)]
        for word in words:
            self._same[word].update(dict.fromkeys(other for other in words if other != word))
        kinds = [key for name in narrow.split(",") for key in self._keys(name)]
        for word in words:
            self._kinds[word].update(dict.fromkeys(kinds))

    def _keys(self, name: str) -> Iterator[str]:
        name = name.strip()
        if not name:
            return
        runs = self._analyzer.read(name)
        if normalized(name).isascii():
            key = " ".join(folded(part) for part in normalized(name).split())
            self._hear(key, key)
            yield key
        if len(runs) == 1:
            word = joined(runs[0])
            for each in (word, word.loan) if word.loan else (word,):
                self._hear(each.reading, each.key)
                yield each.key

    def _hear(self, reading: str, key: str) -> None:
        self._by_reading.setdefault(reading, key)
        self._by_sound.setdefault(sound(reading), key)

    def related(self, key: str) -> Related:
        """What else a word may be called."""
        return Related(self._same.get(key, {}), self._kinds.get(key, {}))

    def knows(self, key: str) -> bool:
        """Whether the dictionary has this word."""
        return key in self._same or key in self._kinds

    def read(self, reading: str) -> str | None:
        """A word of the dictionary that is spoken so."""
        return self._by_reading.get(reading)

    def sounding(self, reading: str) -> str | None:
        """A word of the dictionary that sounds like this, long marks aside."""
        return self._by_sound.get(sound(reading))

    def near(self, reading: str) -> list[str]:
        """Words of the dictionary one typing error away, the nearest first."""
        return [key for _, key in sorted(self._neighbours.find(reading))]

    def is_noise(self, key: str) -> bool:
        """Whether a word asks for nothing."""
        return key in self._noise


def _lines(text: str) -> Iterator[str]:
    for line in text.splitlines():
        if content := line.partition("#")[0].strip():
            yield content.translate(SEPARATORS)
