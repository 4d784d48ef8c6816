"""Text as words in runs of what belongs together: Sudachi's normalized forms, English as it is, sizes as one word."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache

from sudachipy import Dictionary, Morpheme, SplitMode

from services.catalog.search import codes
from services.catalog.search.text import folded, normalized

SHORTEST_COMPOUND = 3
LONGEST_RUN = 3
"""So many neighbours are also one word: `コーヒー` + `フィルター`."""
MOST_REMEMBERED, LONGEST_REMEMBERED = 10_000, 20
"""Such chunks come again; to keep the long ones that anybody may send would take gigabytes."""
_BREAK = re.compile(r"[^\w\-'&.%゛゜+]+|(?<![a-z0-9])[.\-'&+%]+|[.\-'&+%]+(?![a-z0-9])|_+")
_CONTENT = {"名詞", "動詞", "形容詞", "形状詞", "副詞", "接頭辞", "接尾辞", "代名詞", "連体詞"}
_POLITE = {"御", "オ", "ゴ"}
# fmt: off
BOUND = frozenset((
    "用", "味", "入リ", "入", "付キ", "付", "風", "製", "系", "性", "的", "式", "型", "形", "分", "化", "別", "向ケ",
    "無", "不", "非", "超", "高", "低", "極", "各", "全", "約", "毎", "同", "等", "類", "品", "物",
))
"""They are words only together with a neighbour."""
MODIFIERS = BOUND | frozenset((
    "香リ", "風味", "対応", "タイプ", "不使用", "無添加", "専用", "サイズ", "詰メ替エ", "詰替", "本体", "ポンプ",
    "付属", "使用", "配合", "無シ", "有リ", "仕様", "仕立テ", "セット", "カラー", "色", "off", "オフ", "ゼロ",
))
# fmt: on
"""What they end describes something else: `コーヒーの香り` is no coffee."""


@dataclass(frozen=True, slots=True)
class Word:
    """One or more neighbouring words of a text.

    `key` is what equal words have in common, `reading` how it is spoken, `parts` what a compound consists of. A code is
    a number, a size or a model: it means itself, and resembles no other. `loan` is what an English word is in Japanese.
    """

    key: str
    reading: str
    surface: str
    is_noun: bool = True
    parts: tuple["Word", ...] = ()
    is_code: bool = False
    loan: "Word | None" = None

    @property
    def is_bound(self) -> bool:
        """Whether it means nothing alone."""
        return self.key in BOUND


Run = tuple[Word, ...]
"""Words that follow each other with nothing between them."""


@cache
def _words_of_japanese() -> Dictionary:
    return Dictionary(dict="core")


class Analyzer:
    """Cuts text into words; not for two threads at once."""

    def __init__(self) -> None:
        self._tokenizer = _words_of_japanese().tokenizer(mode=SplitMode.C)
        self._remembered = lru_cache(MOST_REMEMBERED)(self._runs)
        self._loan = lru_cache(MOST_REMEMBERED)(self._read_loan)

    def _runs(self, chunk: str) -> tuple[Run, ...]:
        """The runs of a normalized text without spaces."""
        runs: list[Run] = []
        words: list[Word] = []
        for morpheme in self._tokenizer.tokenize(chunk):
            if morpheme.part_of_speech()[0] in _CONTENT:
                if not (morpheme.part_of_speech()[0] == "接頭辞" and folded(morpheme.normalized_form()) in _POLITE):
                    words.append(self._word(morpheme))
            elif words:
                runs.append(tuple(words))
                words = []
        return (*runs, tuple(words)) if words else tuple(runs)

    def _word(self, morpheme: Morpheme) -> Word:
        speech = morpheme.part_of_speech()
        surface = morpheme.surface()
        is_noun = speech[0] in {"名詞", "接尾辞", "接頭辞"}
        if surface.isascii():  # as it is: Sudachi writes some words in Japanese (`salad`), and others not (`salads`)
            key, is_code = folded(surface), surface.isdigit()
            loan = None if is_code or len(surface) > LONGEST_REMEMBERED else self._loan(key, surface)
            return Word(key, key, surface, is_noun and not is_code, is_code=is_code, loan=loan)
        form = morpheme.normalized_form()
        if speech[0] == "動詞":
            form = form[:-1] if "一段" in speech[4] and form.endswith("る") else surface
        parts = tuple(map(self._word, morpheme.split(SplitMode.A))) if len(surface) >= SHORTEST_COMPOUND else ()
        return Word(folded(form), folded(morpheme.reading_form()), surface, is_noun, parts if len(parts) > 1 else ())

    def _read_loan(self, key: str, surface: str) -> Word | None:
        morphemes = self._tokenizer.tokenize(key)
        if len(morphemes) != 1 or morphemes[0].normalized_form().isascii():
            return None
        return Word(folded(morphemes[0].normalized_form()), folded(morphemes[0].reading_form()), surface)

    def read(self, text: str) -> list[Run]:
        """The runs of any text; each size, clothes size, battery cell and model number is a run of its own."""
        found: list[Run] = []
        for chunk, special in _pieces(normalized(text)):
            is_short = len(chunk) <= LONGEST_REMEMBERED
            found.extend([(special,)] if special else (self._remembered if is_short else self._runs)(chunk))
        return found


def _pieces(text: str) -> Iterator[tuple[str, Word | None]]:
    position = 0
    for match in codes.PATTERN.finditer(text):
        yield from ((chunk, None) for chunk in _chunks(text[position : match.start()]))
        key = codes.key(match)
        yield match[0], Word(key, key, match[0].strip(), is_noun=False, is_code=True)
        position = match.end()
    yield from ((chunk, None) for chunk in _chunks(text[position:]))


def _chunks(text: str) -> list[str]:
    return [chunk for chunk in _BREAK.split(text) if chunk]


def joined(words: Run) -> Word:
    """Neighbours as one word."""
    if len(words) == 1:
        return words[0]
    if all(word.surface.isascii() for word in words):
        surface = " ".join(word.surface for word in words)
        return Word(" ".join(word.key for word in words), folded(surface), surface)
    words = tuple(word.loan or word for word in words)  # as in `TVボード`
    return Word(
        "".join(word.key for word in words),
        "".join(word.reading for word in words),
        "".join(word.surface for word in words),
        is_noun=words[-1].is_noun,
    )


def compounds(run: Run) -> Iterator[tuple[Word, bool]]:
    """The words of a run, also neighbours joined; and whether the run ends with it."""
    for first in range(len(run)):
        for end in range(first + 1, min(first + LONGEST_RUN, len(run)) + 1):
            word = joined(run[first:end])
            if not word.is_bound:
                yield word, end == len(run)
