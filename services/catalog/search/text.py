"""Folding of text: what different spellings of the same word have in common."""

import re
import unicodedata

_HIRAGANA = {code: code + 0x60 for code in range(0x3041, 0x3097)}
_MEANT = dict.fromkeys(map(ord, "‐‑‒–—―−"), "-") | dict.fromkeys([*range(0x20), 0x7F], " ")
_WAVES = {ord("〜"): "ー", ord("～"): "ー"}
_BEYOND_ASCII = re.compile("[\u00c0-\u024f\u1e00-\u1eff\u0300-\u036f]")
_ACCENTS = re.compile("(?<=[a-z])[\u0300-\u036f]+")
_LIGATURES = str.maketrans({"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d"})
_FOREIGN = {
    "ヴァ": "バ",
    "ヴィ": "ビ",
    "ヴェ": "ベ",
    "ヴォ": "ボ",
    "ヴュ": "ビユ",
    "ヴ": "ブ",
    "ファ": "ハ",
    "フィ": "ヒ",
    "フェ": "ヘ",
    "フォ": "ホ",
    "ティ": "チ",
    "ディ": "ジ",
    "ヂ": "ジ",
    "ヅ": "ズ",
    "ヲ": "オ",
    "ウィ": "ウイ",
    "ウェ": "ウエ",
    "ウォ": "ウオ",
    "シェ": "セ",
    "ジェ": "ゼ",
    "チェ": "チエ",
    "トゥ": "ツ",
    "ドゥ": "ズ",
    "イヤ": "イア",
    "ギヤ": "ギア",
}
_SMALL = str.maketrans("ァィゥェォャュョヮヵヶ", "アイウエオヤユヨワカケ", "ーッ・'’-‐ ")
_VOICED = str.maketrans(
    "ガギグゲゴザジズゼゾダヂヅデドバビブベボパピプペポ", "カキクケコサシスセソタチツテトハヒフヘホハヒフヘホ"
)
_O_ROW, _E_ROW = "オコゴソゾトドノホボポモヨロョ", "エケゲセゼテデネヘベペメレ"
_U_AFTER = re.compile(f"(?<=[{_O_ROW}ウクグスズツヅヌフブプムユルュ])ウ")
_I_AFTER = re.compile(f"(?<=[{_E_ROW}])イ")
_FOREIGN_PATTERN = re.compile("|".join(sorted(_FOREIGN, key=len, reverse=True)))
_DOUBLED = re.compile(r"(.)\1+")
SHORTEST_PLURAL = 4
KANA = re.compile(r"[ぁ-ゖァ-ヺー]+")
LATIN = re.compile(r"[a-z][a-z'&.\-]*")


def normalized(text: str) -> str:
    """Compatibility forms (half width, full width, ligatures) and letter case are made equal; no control characters.

    Latin letters lose their accents, which few people type.
    """
    if text.isascii() and text.isprintable():
        return text.lower()
    text = unicodedata.normalize("NFKC", text).translate(_MEANT).lower()
    return _without_accents(text) if _BEYOND_ASCII.search(text) else text


def _without_accents(text: str) -> str:
    parts = unicodedata.normalize("NFD", text.translate(_LIGATURES))
    return unicodedata.normalize("NFC", _ACCENTS.sub("", parts))


def folded(text: str) -> str:
    """A word for comparison: normalized, in katakana; English plurals without their `s`."""
    word = normalized(text).translate(_HIRAGANA).translate(_WAVES)
    return singular(word) if LATIN.fullmatch(word) else word


def singular(word: str) -> str:
    """An English word without its plural ending, roughly: the same is done to both sides.

    `cookie` and `cookies` have to become the same, and so do `potato` and `potatoes`, `box` and `boxes`.
    """
    if len(word) < SHORTEST_PLURAL or word.endswith(("ss", "us", "is")):
        return word
    if word.endswith("s"):
        word = word.removesuffix("s")
    if len(word) < SHORTEST_PLURAL:
        return word
    if word.endswith("ie"):
        return word.removesuffix("ie") + "y"
    return word.removesuffix("e") if word.endswith(("che", "she", "sse", "xe", "oe")) else word


def sound(reading: str) -> str:
    """What words that sound alike have in common: long marks, small kana, `ヴ`, geminates and `ou` do not count."""
    if LATIN.fullmatch(reading):
        return _DOUBLED.sub(r"\1", reading.replace("'", "").replace("-", ""))
    kana = _FOREIGN_PATTERN.sub(lambda found: _FOREIGN[found[0]], folded(reading))
    return _I_AFTER.sub("", _U_AFTER.sub("", kana.translate(_SMALL)))


def unvoiced(text: str) -> str:
    """A sound without its voicing marks: `フライバン` and `フライパン` are the same."""
    return text.translate(_VOICED)


def is_kana(text: str) -> bool:
    """Whether the text is written in kana only."""
    return KANA.fullmatch(text) is not None
