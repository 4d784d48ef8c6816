"""Attributes of items: their columns in a shop's file, their definitions in catalog, and values of their types.

A column `attribute:color` (or `attributes.color`) holds the values of one attribute; they travel as one JSON object. An
attribute that catalog does not know is defined by what the values look like.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import orjson
import polars as pl

from services.contracts.events.catalog import ATTRIBUTE_CODE
from shop_import.folder import FolderError

COLUMN: Final = re.compile(r"attributes?[:.](.*)", re.DOTALL)
NUMBER: Final = re.compile(r"[+-]?(0|[1-9][0-9]{0,11})(\.[0-9]+)?")
"""Codes are none: they begin with zeros, which a number loses, or are longer than catalog's numbers, as a JAN is."""
SEPARATOR: Final = "|"
"""Between several values, and between keywords."""
WORDS: Final = {"true": True, "false": False}
Values = Mapping[str, Any]


def columns(there: Iterable[str], mapped: Mapping[str, str]) -> dict[str, str]:
    """The columns of attributes, by the code of the attribute.

    Args:
        there: the columns of the file, of which some are named so.
        mapped: our column -> the shop's column.

    Raises:
        FolderError: a column names no code, or there is one of all attributes besides.
    """
    names = {**{name: name for name in there}, **mapped}
    found = {match[1]: theirs for ours, theirs in names.items() if (match := COLUMN.fullmatch(ours))}
    if found and "attributes" in names:
        raise FolderError(f"attributes has all attributes, attribute:{next(iter(found))} one: keep one way of the two")
    if wrong := [code for code in found if not re.fullmatch(ATTRIBUTE_CODE, code)]:
        raise FolderError(
            f"attribute:{wrong[0]} names no attribute: a code has a-z, 0-9 and _, up to 50, and begins with a letter; "
            "name the column so, or map it under items.columns"
        )
    return found


def encoded(places: Mapping[str, str]) -> pl.Expr:
    """The attributes of a row as one JSON object, from the columns by code."""
    values = (pl.col(column).str.strip_chars().alias(code) for code, column in places.items())
    return pl.struct(values).struct.json_encode()


def decoded(text: str | None) -> dict[str, Any]:
    """The attributes of a row that are not blank."""
    return {code: value for code, value in orjson.loads(text or "{}").items() if value not in (None, "", [])}


def definition(code: str, values: Sequence[Any]) -> dict[str, Any]:
    """What defines an attribute with such values: numbers, `true` and `false`, else texts."""
    texts = [_text(value) for value in values]
    kind = "text"
    if all(text.lower() in WORDS for text in texts):
        kind = "boolean"
    elif all(NUMBER.fullmatch(text) for text in texts):
        kind = "number"
    name = code.replace("_", " ").capitalize()
    return {"code": code, "name": name, "type": kind, "isMultiple": any(isinstance(each, list) for each in values)}


def typed(value: Any, of: Values) -> Any:  # noqa: ANN401 - whatever the file holds
    """A value as its definition wants it; one that does not fit stays as it is, and catalog says what is wrong."""
    if of["isMultiple"]:
        parts = value if isinstance(value, list) else str(value).split(SEPARATOR)
        return [text for part in parts if (text := _text(part).strip())]
    if of["type"] == "boolean" and isinstance(value, str):
        return WORDS.get(value.lower(), value)
    if of["type"] == "number" and isinstance(value, str) and NUMBER.fullmatch(value):
        return float(value) if "." in value else int(value)
    if of["type"] in {"text", "choice"} and isinstance(value, int | float):
        return _text(value)
    return value


def _text(value: Any) -> str:  # noqa: ANN401 - whatever the file holds
    return str(value).lower() if isinstance(value, bool) else str(value)
