"""What means itself in a text: sizes in one unit of each kind, clothes sizes, battery cells, model numbers."""

import re

_UNITS = {
    "ミリリットル": "ml",
    "ミリ": "ml",
    "リットル": "l",
    "ℓ": "l",
    "キログラム": "kg",
    "キロ": "kg",
    "グラム": "g",
    "センチメートル": "cm",
    "センチ": "cm",
    "メートル": "m",
    "ワット": "w",
    "インチ": "inch",
    "コ": "個",
    "ケ": "個",
    "ヶ": "個",
    "こ": "個",
    "pcs": "個",
    "ヶ月": "か月",
    "カ月": "か月",
}
# fmt: off
_PLAIN_UNITS = (
    "ml", "l", "kg", "mg", "g", "cm", "mm", "m", "oz", "lb", "mah", "gb", "tb", "w", "v", "inch", "か月", "歳", "度",
    "%", "本", "枚", "個", "袋", "包", "箱", "缶", "組", "ロール", "巻", "粒", "錠", "食", "膳", "束", "台", "パック",
    "杯", "冊", "着", "双", "足", "回分", "日分",
)
# fmt: on
_UNIT = "|".join(sorted([*_UNITS, *_PLAIN_UNITS], key=len, reverse=True))
_SIZE = rf"(?P<amount>\d+(?:,\d{{3}})*(?:\.\d+)?)[ ]?(?P<unit>{_UNIT})(?![a-z])(?:入り|入|セット|組)?"
_SMALLER = {"l": ("ml", 1000), "kg": ("g", 1000), "m": ("cm", 100), "tb": ("gb", 1000)}
_CELL = r"単(?P<cell>[1-5一二三四五])(?:形|型)?"
_NUMERALS = str.maketrans("一二三四五", "12345")
_CLOTHES = r"(?<![a-z0-9.])(?P<named>\d?x{0,3}[sml]|ll|f)サイズ|(?<![\w.])(?P<clothes>\d?x{0,3}[sml]|ll)(?![\w\-'&])"
_MODEL = r"(?<![a-z0-9])[a-z]{1,30}+-?\d+[a-z0-9]*\+*"
PATTERN = re.compile(rf"(?=[\d単a-z])(?:{_SIZE}|{_CELL}|{_CLOTHES}|{_MODEL})")
"""Finds them in normalized text."""


def glued(text: str) -> str:
    """A normalized text with its sizes in one piece each: `1.5 l` is `1.5l`."""
    return PATTERN.sub(lambda found: found[0].replace(" ", "") if found["amount"] else found[0], text)


def key(found: re.Match[str]) -> str:
    """What equal ones have in common: `1.5L` is `1500ml`."""
    if found["amount"]:
        return _size(found["amount"], found["unit"])
    if found["cell"]:
        return f"単{found['cell'].translate(_NUMERALS)}"
    if clothes := found["named"] or found["clothes"]:
        return f"サイズ{clothes}"
    return found[0].replace("-", "").rstrip("+")


def _size(amount: str, unit: str) -> str:
    unit = _UNITS.get(unit, unit)
    unit, factor = _SMALLER.get(unit, (unit, 1))
    value = f"{float(amount.replace(',', '')) * factor:.3f}"
    return f"{value.rstrip('0').rstrip('.')}{unit}"
