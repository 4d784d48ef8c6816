"""What of a product is found by which word, and how well."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import lru_cache
from itertools import zip_longest
from typing import Literal

from services.catalog.search.analysis import MODIFIERS, Analyzer, Run, Word, compounds, joined
from services.catalog.search.text import folded, normalized

Tier = Literal["A", "B", "C", "D"]
"""How well a word stands for a product: A is what its name ends with (or its brand), B its category if that is of one
kind, C another word of the name or a keyword, D an attribute, or a category of several kinds or above."""
Found = tuple[Word, Tier]
MOST_WORDS = {"name": 60, "keywords": 60, "attributes": 60, "description": 80}
"""More words than that of a text find nothing: a row stays small, however long the texts are."""
LONGEST_WORD = 60
LONGEST_DESCRIPTION = 1_000
SHORTEST_NUMBER = 5
"""So many digits are an article number, and no model's."""
MOST_REMEMBERED = 20_000
_MODEL = re.compile(r"([a-z]{3,})(\d+)")
_ASIDES = re.compile(r"【.*?】|「.*?」|『.*?』|\(.*?\)|\[.*?\]|<.*?>")
_PARTS = re.compile(r"[・/／&＆,、]")


@dataclass(frozen=True)
class Source:
    """The texts of a product: `attributes` as words, `categories` as the names from the root to each of its own."""

    name: str
    description: str | None = None
    brand: str | None = None
    keywords: Sequence[str] = ()
    attributes: Sequence[str] = ()
    categories: Sequence[Sequence[str]] = ()
    sku: str = ""


@dataclass(frozen=True)
class Terms:
    """The words that find a product, each with its best tier, and how each is spoken and written."""

    tiers: Mapping[str, Tier]
    words: Mapping[str, Word]
    mentioned: AbstractSet[str] = frozenset()
    """Words of the description alone: enough for a guess, not for an answer."""


class Reader:
    """Reads products; what many of them share (brands, categories, values) is read once."""

    def __init__(self, analyzer: Analyzer) -> None:
        self._analyzer = analyzer
        self._own_name = lru_cache(MOST_REMEMBERED)(self._read_own_name)
        self._category = lru_cache(MOST_REMEMBERED)(self._read_category)
        self._value = lru_cache(MOST_REMEMBERED)(self._read_value)

    def terms(self, source: Source) -> Terms:
        """The words of a product."""
        tiers: dict[str, Tier] = {}
        words: dict[str, Word] = {}
        for found, tier in self._found(source):
            for word in (found, found.loan) if found.loan else (found,):
                if (best := tiers.get(word.key)) is None or tier < best:
                    tiers[word.key], words[word.key] = tier, word
        described = (source.description or "")[:LONGEST_DESCRIPTION]
        runs = self._analyzer.read(described)[: MOST_WORDS["description"]]
        mentioned = {word.key for run in runs for word in run if word.is_noun and not word.is_bound}
        return Terms(tiers, words, {key for key in mentioned - tiers.keys() if _is_kept(key)})

    def _found(self, source: Source) -> Iterator[Found]:
        sku = folded(source.sku).strip()
        yield from _short([(Word(sku, sku, source.sku, is_code=True), "C")])
        own_names = [name for name in (source.brand, *source.keywords[: MOST_WORDS["keywords"]]) if name]
        for name in own_names:
            yield from self._own_name(name)
        values = [found for text in source.attributes for found in self._value(text)]
        yield from self._name(_without(normalized(source.name), own_names), {word.key for word, _ in values})
        for path in source.categories:
            yield from self._category(tuple(path))
        yield from values[: MOST_WORDS["attributes"]]

    def _read_own_name(self, name: str) -> Sequence[Found]:
        """A brand or keyword: as a whole, however it is written, and its words."""
        whole = folded(name).strip()
        words: list[Found] = [(word, "C") for run in self._analyzer.read(name) for word, _ in compounds(run)]
        return _short([(Word(whole, whole, name), "A"), *words])

    def _name(self, name: str, described: AbstractSet[str]) -> Sequence[Found]:
        """The words of the name: what a run ends with names the thing, unless it is an attribute or says what for."""
        found: list[Found] = []
        runs = self._analyzer.read(_ASIDES.sub(" ", name))[: MOST_WORDS["name"]]
        for run, following in zip_longest(runs, runs[1:]):
            is_head = _is_head(run, following) and run[-1].key not in described and joined(run).key not in described
            found += [(word, "A" if is_last and is_head else "C") for word, is_last in compounds(run)]
            found += [(word, "C") for word in _models(run, following)]
            for word in run:
                last: Tier = "C" if is_head and word is run[-1] else "D"
                found += [(part, "D") for part in word.parts[:-1] if not part.is_bound]
                found += [(part, last) for part in word.parts[-1:] if not part.is_bound]
        asides = self._analyzer.read(" ".join(_ASIDES.findall(name)))[: MOST_WORDS["name"]]
        return _short(found + [(word, "D") for run in asides for word, _ in compounds(run)])

    def _read_category(self, path: Sequence[str]) -> Sequence[Found]:
        """A category of one kind of thing names it, one of several (`LED電球・照明`) does not."""
        found: list[Found] = []
        for depth, name in enumerate(path, 1):
            kinds = [kind for kind in _PARTS.split(normalized(name)) if kind.strip()]
            for kind in kinds:
                runs = self._analyzer.read(kind)
                is_kind = depth == len(path) and len(kinds) == 1 and len(runs) == 1
                found += [(joined(run), "B" if is_kind else "D") for run in runs]
                found += [(word, "D") for run in runs for word, _ in compounds(run)]
                found += [(part, "D") for run in runs for word in run for part in word.parts if not part.is_bound]
        return _short(found)

    def _read_value(self, text: str) -> Sequence[Found]:
        return _short([(word, "D") for run in self._analyzer.read(text) for word, _ in compounds(run)])


def _is_head(run: Run, following: Run | None) -> bool:
    """Whether a run names a thing: no English word that another follows, and nothing that describes another.

    What an article number follows (`national brand 1032459`) says whose that number is.
    """
    last, after = run[-1], following[0] if following else None
    is_phrase = after is not None and after.is_noun and last.surface.isascii() and after.surface.isascii()
    is_numbered = after is not None and after.surface.isdigit() and len(after.surface) >= SHORTEST_NUMBER
    return last.is_noun and last.key not in MODIFIERS and not is_phrase and not is_numbered


def _models(run: Run, following: Run | None) -> Iterator[Word]:
    """A model's name however it is spaced: `iPhone15` is also `iPhone` and `15`, and `iPhone 15` also `iPhone15`."""
    last = run[-1]
    if last.is_code and (parts := _MODEL.fullmatch(last.key)):
        letters, digits = parts.groups()
        yield Word(folded(letters), letters, letters)
        yield Word(digits, digits, digits, is_code=True)
    elif last.surface.isascii() and following and following[0].surface.isdigit():
        name = f"{last.surface}{following[0].surface}"
        yield Word(name, name, name, is_code=True)


def _short(found: Sequence[Found]) -> Sequence[Found]:
    return [(word, tier) for word, tier in found if _is_kept(word.key)]


def _is_kept(key: str) -> bool:
    """Whether an index holds such a word: a brand of spaces is none, and Postgres refuses it."""
    return 0 < len(key) <= LONGEST_WORD


def _without(text: str, names: Iterable[str]) -> str:
    """A name without the brand, which is no word of it."""
    for name in sorted(map(normalized, names), key=len, reverse=True):
        text = text.replace(name, " ") if len(name) > 1 else text
    return text
