"""Latin letters as kana: what an input method has not converted yet, and Japanese typed in Latin letters."""

import re

_VOWELS = "aiueo"
_ROWS = {
    "": "アイウエオ",
    "k": "カキクケコ",
    "g": "ガギグゲゴ",
    "s": "サシスセソ",
    "z": "ザジズゼゾ",
    "t": "タチツテト",
    "d": "ダヂヅデド",
    "n": "ナニヌネノ",
    "h": "ハヒフヘホ",
    "b": "バビブベボ",
    "p": "パピプペポ",
    "m": "マミムメモ",
    "r": "ラリルレロ",
    "l": "ラリルレロ",
}
_YOON = {
    "ky": "キ",
    "gy": "ギ",
    "sy": "シ",
    "sh": "シ",
    "zy": "ジ",
    "jy": "ジ",
    "j": "ジ",
    "ty": "チ",
    "ch": "チ",
    "ny": "ニ",
    "hy": "ヒ",
    "by": "ビ",
    "py": "ピ",
    "my": "ミ",
    "ry": "リ",
}
SYLLABLES = {
    **{row + vowel: kana for row, line in _ROWS.items() for vowel, kana in zip(_VOWELS, line, strict=True)},
    **{row + vowel: kana + small for row, kana in _YOON.items() for vowel, small in zip("auo", "ャュョ", strict=True)},
    "ya": "ヤ",
    "yu": "ユ",
    "yo": "ヨ",
    "wa": "ワ",
    "wo": "ヲ",
    "shi": "シ",
    "chi": "チ",
    "ji": "ジ",
    "je": "ジェ",
    "tsu": "ツ",
    "fu": "フ",
    "fa": "ファ",
    "fi": "フィ",
    "fe": "フェ",
    "fo": "フォ",
    "va": "ヴァ",
    "vi": "ヴィ",
    "vu": "ヴ",
    "ve": "ヴェ",
    "vo": "ヴォ",
    "she": "シェ",
    "che": "チェ",
    "thi": "ティ",
    "dhi": "ディ",
    "nn": "ン",
    "n'": "ン",
    "-": "ー",
}
_LONGEST = 3
_TAIL = re.compile(r"(.*[^a-z])([a-z]{1,3})")


def kana(word: str) -> str | None:
    """The katakana that these letters spell; None if they spell none."""
    result, rest = "", word
    while rest:
        for length in range(_LONGEST, 0, -1):
            if (syllable := SYLLABLES.get(rest[:length])) is not None and len(rest) >= length:
                result, rest = result + syllable, rest[length:]
                break
        else:
            if rest[0] in "nm" and len(rest) > 1:
                result, rest = result + "ン", rest[1:]
            elif len(rest) > 1 and rest[0] == rest[1]:
                result, rest = result + "ッ", rest[1:]
            else:
                return None
    return result


def unfinished(word: str) -> list[str]:
    """The kana that a word may begin with whose last letters an input method has not converted: `しょうy`."""
    found = _TAIL.fullmatch(word)
    if not found:
        return []
    head, tail = found.groups()
    return sorted({head + syllable for letters, syllable in SYLLABLES.items() if letters.startswith(tail)})
