"""What a search asks for: the words of the index that it may mean, instead of the letters that were typed."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import log

from services.catalog.search import codes
from services.catalog.search.analysis import Analyzer, Run, Word, joined
from services.catalog.search.dictionary import Dictionary
from services.catalog.search.documents import LONGEST_WORD
from services.catalog.search.romaji import kana, unfinished
from services.catalog.search.text import LATIN, folded, is_kana, normalized, sound
from services.catalog.search.vocabulary import Entry, Vocabulary, rank

SAME, KIND, CONTINUED, MISTYPED, HOMOPHONE = 0.9, 0.8, 0.8, 0.8, 0.6
"""How good a word is that was not typed: a synonym, a kind of it, one that begins with it, one nearly equal to it, one
that only sounds like it."""
MOST_CONTINUATIONS = 8
MOST_CONCEPTS = 12
LONGEST_PHRASE = 4
LONGEST_COMPOUND = 8
LONGEST_RUN = 30
"""So many neighbours may be one word, and so many words of a run are read: to try all that a long search has would
take the square of its length, in the event loop."""
SHORTEST_START = 2
SHORT_SOUND = 2
HEAD_STEPS = 5
"""Of two words, one is more of a thing than the other if a fifth more of its products are this kind of thing."""
SURE = 0.3
"""A word of which so many products are this kind of thing counts although another word is unknown."""


def _weight(rarity: float) -> float:
    """How much a word says that one product in so many has."""
    return 1 + 0.1 * log(1 + rarity)


COMMON = _weight(3)
"""What a third of all products have is not what somebody looks for, if anything else is said."""


@dataclass(frozen=True)
class Concept:
    """One thing that is asked for: words of the index that mean it, with how well, and how much it says."""

    words: Mapping[str, float]
    weight: float = 1.0
    heads: float = 0.0
    """The part of its products that are this kind of thing, for which others are only an attribute."""
    corrected: str | None = None
    """The word it was taken for, where what was typed is none."""


@dataclass(frozen=True)
class Plan:
    """What to look for: products should have all concepts, and must have the one at `head`.

    It is not confident where the thing itself is unknown to this shop. Without concepts, nothing is asked for.
    """

    concepts: Sequence[Concept]
    head: int = 0
    is_confident: bool = True
    corrected_to: str | None = None


class Understanding:
    """Reads searches by the words of one index and the shop's dictionary."""

    def __init__(self, analyzer: Analyzer, dictionary: Dictionary, vocabulary: Vocabulary) -> None:
        self._analyzer, self._dictionary, self._vocabulary = analyzer, dictionary, vocabulary

    def plan(self, text: str) -> Plan:
        """What a search text asks for."""
        concepts: list[Concept | None] = []
        typed: list[str] = []
        chunks = list(self._chunks(text))
        meant = [(words, chunk, is_last) for words, chunk, is_last in chunks if not self._is_noise(words, chunk)]
        for words, chunk, is_last in meant or chunks:
            found = self._concepts(words, chunk, is_last=is_last)
            concepts += found
            typed += [each.corrected or chunk if each and each.corrected else chunk for each in found[:1]]
        known = [each for place, each in enumerate(concepts) if each and each not in concepts[:place]][:MOST_CONCEPTS]
        if not known:
            return Plan([], is_confident=bool(chunks) and not meant)
        head = max(range(len(known)), key=lambda place: (*_thing(known[place]), place))
        unknown = sum(each is None for each in concepts)
        is_confident = not unknown or known[head].heads >= SURE
        corrected = " ".join(typed) if any(each.corrected for each in known) else None
        return Plan(known, head, is_confident, corrected)

    def continuations(self, begun: str, limit: int) -> list[Entry]:
        """Words that begin like this piece of a search, or that it is; kinds of things, the most frequent first."""
        begun = normalized(begun)
        found: dict[str, Entry] = {}
        for start in map(folded, [*unfinished(begun), begun, *(self._spellings(begun) if begun else [])]):
            if start:
                found.update({each.key: each for each in self._vocabulary.beginning(start, limit) if each.heads})
        return sorted(found.values(), key=rank)[:limit]

    def as_code(self, text: str) -> Plan | None:
        """A search text as the sku that it may be, whatever that is made of; None where it is no word, or too long."""
        key = folded(text).strip()
        return Plan([Concept({key: 1.0})]) if 0 < len(key) <= LONGEST_WORD else None

    def keys(self, text: str) -> list[str]:
        """The words of a search text as they are, but for noise."""
        words = [word for run in self._analyzer.read(text) for word in self._without_noise(run)]
        return list(dict.fromkeys(word.key for word in words if not word.is_bound and len(word.key) <= LONGEST_WORD))

    def _chunks(self, text: str) -> Iterator[tuple[list[Run], str, bool]]:
        """The pieces of a search: English phrases of the dictionary, sizes, and what stands between spaces."""
        pieces = codes.glued(normalized(text)).split()
        position = 0
        while position < len(pieces):
            length = self._phrase(pieces[position:])
            chunk = " ".join(pieces[position : position + length])
            position += length
            yield self._analyzer.read(chunk) if length == 1 else [], chunk, position == len(pieces)

    def _phrase(self, pieces: Sequence[str]) -> int:
        """How many of these belong together: a phrase of the dictionary, or a name with a number that the index has.

        Where the index has each word of a phrase, they are asked for as they are.
        """
        for length in range(min(LONGEST_PHRASE, len(pieces)), 1, -1):
            words = [folded(piece) for piece in pieces[:length]]
            key = " ".join(words)
            if key.isascii() and self._dictionary.knows(key) and not all(map(self._vocabulary.get, words)):
                return length
            if any(word.isdigit() for word in words) and self._vocabulary.get(key):
                return length
        return 1

    def _concepts(self, runs: list[Run], chunk: str, *, is_last: bool) -> list[Concept | None]:
        """What a piece of a search asks for; None stands for a word that nobody knows."""
        whole = " ".join(folded(piece) for piece in chunk.split())
        code = _code(runs)
        if code or (chunk.isascii() and any(letter.isdigit() for letter in chunk)):  # a size, a cell, a model or a sku
            words = {whole: 1.0, **{word.key: 1.0 for word in code}}
            self._add_related(whole, words)
            return [self._concept(words) or Concept(words)]
        loan = runs[0][0].loan if len(runs) == 1 and len(runs[0]) == 1 else None
        if concept := self._known(Word(whole, whole, chunk, loan=loan)):
            return [concept]
        return self._read(runs, chunk, is_last=is_last)

    def _read(self, runs: list[Run], chunk: str, *, is_last: bool) -> list[Concept | None]:
        """The same of a piece that is no one word."""
        is_word = any(letter.isalnum() for letter in chunk)
        runs = [self._without_noise(run) for run in runs]
        if not is_word or (runs and not any(runs)):
            return []
        found = [concept for run in runs for concept in self._segments(run)]
        is_spoken = is_kana(chunk)
        known: list[Concept | None] = [concept for _, concept in found if concept]
        if known and not any(_is_missing(word, concept, is_spoken=is_spoken) for word, concept in found):
            is_one = is_spoken and is_last and len(known) == 1
            return [self._unfinished(chunk, known[0])] if is_one and known[0] else known
        if repaired := self._repaired(chunk, is_last=is_last):
            return [repaired]
        if is_spoken:
            return [None]  # pieces of what is no word happen to be words
        return [concept for word, concept in self._parts(found) if concept or word.is_noun] or [None]

    def _unfinished(self, chunk: str, concept: Concept) -> Concept:
        """A word that is only nearly written so may also be the beginning of another."""
        start = folded(chunk)
        if any((entry := self._vocabulary.get(key)) and start in (entry.reading, key) for key in concept.words):
            return concept
        more = self._continued([start])
        return self._concept({**more.words, **concept.words}) or concept if more else concept

    def _is_noise(self, runs: Sequence[Run], chunk: str) -> bool:
        """Whether a piece of a search says nothing, as a whole or word by word."""
        if self._dictionary.is_noise(" ".join(folded(piece) for piece in chunk.split())):
            return True
        return bool(runs) and all(
            self._dictionary.is_noise(joined(run).key) or not self._without_noise(run) for run in runs
        )

    def _without_noise(self, run: Run) -> Run:
        return tuple(word for word in run if not self._dictionary.is_noise(word.key))

    def _segments(self, run: Run) -> Iterator[tuple[Word, Concept | None]]:
        """The words of a run, the longest known ones first from the left."""
        first = 0
        run = run[:LONGEST_RUN]
        while first < len(run):
            for end in range(min(len(run), first + LONGEST_COMPOUND), first, -1):
                word = joined(run[first:end])
                if concept := self._known(word):
                    yield word, concept
                    first = end
                    break
            else:
                if not run[first].is_bound:
                    yield run[first], None
                first += 1

    def _parts(self, found: Iterable[tuple[Word, Concept | None]]) -> Iterator[tuple[Word, Concept | None]]:
        """Unknown compounds by their parts, where all are known; other unknown words one by one if mistyped."""
        for word, concept in found:
            if concept or not word.is_noun:
                yield word, concept
                continue
            parts = [self._known(part) for part in word.parts if not part.is_bound]
            if parts and all(part and part.heads >= SURE for part in parts[-1:]) and all(parts):
                yield from ((word, part) for part in parts)
            else:
                yield word, self._corrected(word.reading) if is_kana(word.surface) else None

    def _known(self, word: Word) -> Concept | None:
        """What a word means, if the index or the dictionary has it."""
        if word.is_bound:
            return None
        if word.is_code:
            return Concept({word.key: 1.0})
        words: dict[str, float] = {}
        for each in (word, word.loan) if word.loan else (word,):
            if self._vocabulary.get(each.key):
                words[each.key] = 1.0
        if is_kana(word.surface) or (not words and _is_long(word.reading)):
            words |= self._spoken(word.reading, word.key)
        for key in [word.key, *[key for key, weight in words.items() if weight == 1.0]]:
            self._add_related(key, words)
        return self._concept(words)

    def _spoken(self, reading: str, key: str | None = None) -> dict[str, float]:
        """Words that sound like this; those of a few sounds only where no long mark differs.

        Where one is written just like this, another that is not written in kana is another word (`鋏` and `波佐見`).
        """
        is_long = _is_long(reading)
        entries = [each for each in self._vocabulary.sounding(reading) if is_long or each.reading == reading]
        is_exact = any(entry.key == key for entry in entries)
        words = {each.key: HOMOPHONE if is_exact and not is_kana(each.key) else 1.0 for each in entries}
        if is_exact and key:
            words[key] = 1.0
        if not words:
            meant = self._dictionary.read(reading) or (self._dictionary.sounding(reading) if is_long else None)
            self._add_related(meant, words)
        return words

    def _add_related(self, key: str | None, words: dict[str, float], weight: float = 1.0) -> None:
        if key is None:
            return
        if self._vocabulary.get(key):
            words.setdefault(key, weight)
        related = self._dictionary.related(key)
        for factor, keys in ((SAME, related.same), (KIND, related.kinds)):
            for other in keys:
                if self._vocabulary.get(other):
                    words.setdefault(other, factor * weight)

    def _concept(self, words: Mapping[str, float], corrected: str | None = None) -> Concept | None:
        entries = [entry for key in words if (entry := self._vocabulary.get(key))]
        if not entries:
            return None
        count = max(entry.count for entry in entries)
        heads = max(words[entry.key] * entry.heads / entry.count for entry in entries)
        return Concept(words, _weight(self._vocabulary.documents / count), heads, corrected)

    def _repaired(self, chunk: str, *, is_last: bool) -> Concept | None:
        """What a piece of a search that is no word may mean: unfinished, mistyped, or written as it sounds."""
        spellings = self._spellings(chunk)
        for spelling in spellings:
            if (is_kana(chunk) or _is_long(spelling)) and (concept := self._as_spoken(spelling)):
                return concept
        is_spoken = is_kana(chunk) or LATIN.fullmatch(chunk)
        if is_last and (concept := self._continued([*unfinished(chunk), chunk, *(spellings if is_spoken else [])])):
            return concept
        for spelling in spellings if is_spoken else []:
            if concept := self._corrected(spelling):
                return concept
        return None

    def _spellings(self, chunk: str) -> list[str]:
        """How a piece may be spoken."""
        if LATIN.fullmatch(chunk):
            return [folded(chunk), *([spoken] if (spoken := kana(chunk)) else [])]
        if is_kana(chunk):
            return [folded(chunk)]
        return ["".join(word.reading for run in self._analyzer.read(chunk) for word in run)]

    def _as_spoken(self, reading: str) -> Concept | None:
        words = self._spoken(reading)
        best = next(iter(words), None)
        for key in list(words):
            self._add_related(key, words)
        entry = self._vocabulary.get(best) if best else None
        return self._concept(words, entry.surface if entry else None)

    def _continued(self, starts: Iterable[str]) -> Concept | None:
        entries: dict[str, Entry] = {}
        for start in map(folded, starts):
            if len(start) >= SHORTEST_START:
                entries.update({entry.key: entry for entry in self._vocabulary.beginning(start, MOST_CONTINUATIONS)})
        heads = [entry for entry in entries.values() if entry.heads] or list(entries.values())
        return self._concept({entry.key: CONTINUED for entry in heads[:MOST_CONTINUATIONS]})

    def _corrected(self, reading: str) -> Concept | None:
        """The word that this is with one typing error."""
        words: dict[str, float] = {}
        if near := [entry for entry in self._vocabulary.near(reading) if entry.heads]:
            self._add_related(near[0].key, words, MISTYPED)
            return self._concept(words, near[0].surface)
        for key in self._dictionary.near(reading):
            self._add_related(key, words, MISTYPED)
            if words:
                return self._concept(words, key)
        return None


def _thing(concept: Concept) -> tuple[int, float]:
    """How much a concept is the thing itself, and among those alike how rare: who names two means what is both."""
    heads = round(concept.heads * HEAD_STEPS) if concept.weight > COMMON else 0
    return heads, concept.weight if heads else 0.0


def _code(runs: Sequence[Run]) -> Run:
    """The code that a piece of a search is as a whole."""
    return runs[0] if len(runs) == 1 and len(runs[0]) == 1 and runs[0][0].is_code else ()


def _is_missing(word: Word, concept: Concept | None, *, is_spoken: bool) -> bool:
    """Whether a piece is no known word; one kana alone is none."""
    return (concept is None and word.is_noun) or (is_spoken and len(word.reading) == 1)


def _is_long(reading: str) -> bool:
    return len(sound(reading)) > SHORT_SOUND
