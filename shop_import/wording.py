"""Words for people: readable names from a data set's upper-case texts, and counts."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence

WORD = re.compile(r"[A-Za-z][A-Za-z']*")
LONGEST_ABBREVIATION = 4
SMALL = {"and", "or", "of", "with", "for", "in", "the", "under", "over"}
PLURAL = re.compile(r"(ies|sses|ves|s)(?= |$)")
SINGULARS = {"ies": "y", "sses": "ss", "ves": "f", "s": ""}
ABBREVIATIONS = {"GM", "DVDS", "DVD", "USA", "HABA", "OZ", "UHT", "NFL", "BBQ"}


def title(text: str) -> str:
    """`BREAD:ITALIAN/FRENCH` as `Bread: Italian/French`; abbreviations (no vowel, or known) are unchanged."""
    text = re.sub(r"\s*:\s*", ": ", " ".join(text.split()))
    text += ")" * (text.count("(") - text.count(")"))  # the source truncates its texts
    return WORD.sub(_word, text)


def counted(number: int, what: str) -> str:
    """`1 cancelled order`, `2 cancelled orders`: `what` is the plural, as the counts are called."""
    words = what.replace("_", " ")
    return f"{number:,} {PLURAL.sub(lambda end: SINGULARS[end[1]], words, count=1) if number == 1 else words}"


def size(text: str) -> str:
    """`22  LB` as `22 lb`; empty if it holds a code rather than a size."""
    return "" if re.search(r"\d{5}", text) else " ".join(text.split()).lower()


def unique_names(paths: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """A unique name for each category: the last part of its path, with as many parents as needed.

    `Deli > Misc` and `Grocery > Misc` become `Misc (Deli)` and `Misc (Grocery)`; a department keeps its bare name.

    Args:
        paths: the names from the root down, by the category's code.
    """
    names = {code: path[0] for code, path in paths.items() if len(path) == 1}
    for depth in range(max(map(len, paths.values()), default=0)):
        drafts = {code: _with_parents(path, depth) for code, path in paths.items() if code not in names}
        taken = Counter([*names.values(), *drafts.values()])
        names |= {code: name for code, name in drafts.items() if taken[name] == 1}
    return {code: names.get(code, code) for code in paths}


def _with_parents(path: Sequence[str], depth: int) -> str:
    parents = path[-1 - depth : -1][::-1]
    return f"{path[-1]} ({', '.join(parents)})" if depth and parents else path[-1]


def _word(match: re.Match[str]) -> str:
    word = match.group()
    if word.upper() in ABBREVIATIONS or (len(word) <= LONGEST_ABBREVIATION and not re.search("[AEIOUYaeiouy]", word)):
        return word.upper()
    is_first = match.start() == 0
    return word.lower() if word.lower() in SMALL and not is_first else word.capitalize()
