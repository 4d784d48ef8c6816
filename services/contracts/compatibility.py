"""Checks whether a JSON Schema can replace another one without breaking readers or writers that use the old one.

Readers validate with the document that they have: a wider constraint breaks old readers, and a narrower one breaks
writers. Readers accept additional fields, and additional words of an open enumeration.
"""

from collections.abc import Iterator
from typing import Any

JsonSchema = dict[str, Any]

_CONSTRAINTS = (
    *("format", "pattern", "minLength", "maxLength"),
    *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
    *("minItems", "maxItems", "uniqueItems"),
)
_MEANINGS = ("default", "x-pii", "x-open")
"""Properties that readers and writers rely on; they may not be removed either."""


def breaking_changes(old: JsonSchema, new: JsonSchema) -> list[str]:
    """The changes from `old` to `new` that are not additive, as sentences with the field; empty if it can replace it.

    Additive: a new optional field, a new definition, a longer description, a wider open enum. Not additive: a field
    that is dropped, renamed, retyped, newly required or no longer required; a constraint that is added to, changed on
    or removed from an existing field; any other wider enum; another default, or none; personal data no longer marked.
    """
    return list(_compare(old, new, old.get("$defs", {}), new.get("$defs", {}), ""))


def _compare(old: JsonSchema, new: JsonSchema, old_defs: JsonSchema, new_defs: JsonSchema, path: str) -> Iterator[str]:
    place = path or "message"
    yield from _meaning_otherwise(old, new, place)
    is_open = new.get("x-open", False)
    old, new = _resolve(old, old_defs), _resolve(new, new_defs)
    if _kind(old) != _kind(new):
        yield f"{place} changes its type from {_kind(old)} to {_kind(new)}"
        return
    yield from _altered(old, new, place, is_open=is_open)
    if newly := sorted(set(new.get("required", ())) - set(old.get("required", ()))):
        yield f"{place} newly requires {', '.join(newly)}"
    if optional := sorted(set(old.get("required", ())) - set(new.get("required", ()))):
        yield f"{place} no longer requires {', '.join(optional)}"
    for name, was in old.get("properties", {}).items():
        inner = f"{path}.{name}" if path else name
        if name not in new.get("properties", {}):
            yield f"{inner} is dropped"
        else:
            yield from _compare(was, new["properties"][name], old_defs, new_defs, inner)
    if isinstance(old.get("items"), dict):
        yield from _compare(old["items"], new["items"], old_defs, new_defs, f"{path}[]")
    for before, after in zip(old.get("anyOf", ()), new.get("anyOf", ()), strict=False):
        yield from _compare(before, after, old_defs, new_defs, path)


def _meaning_otherwise(old: JsonSchema, new: JsonSchema, place: str) -> Iterator[str]:
    for name in _MEANINGS:
        if name in old and old[name] != new.get(name):
            yield f"{place} changes its {name} from {old[name]} to {new.get(name)}"


def _altered(old: JsonSchema, new: JsonSchema, place: str, *, is_open: bool) -> Iterator[str]:
    for name in _CONSTRAINTS:
        was, now = old.get(name), new.get(name)
        if was != now:
            yield f"{place} changes its {name} from {was} to {now}"
    if ("enum" in old) != ("enum" in new):
        yield f"{place} {'newly takes only' if 'enum' in new else 'no longer takes only'} some words"
    choices, offered = old.get("enum", ()), new.get("enum", ())
    if choices and offered and (dropped := sorted(set(choices) - set(offered))):
        yield f"{place} drops {', '.join(dropped)}"
    if choices and not is_open and (added := sorted(set(offered) - set(choices))):
        yield f"{place} adds {', '.join(added)}, which readers of the old document refuse"


def _resolve(schema: JsonSchema, definitions: JsonSchema) -> JsonSchema:
    reference = schema.get("$ref")
    if reference is None:
        return schema
    resolved: JsonSchema = definitions[reference.rsplit("/", 1)[-1]]
    return resolved


def _kind(schema: JsonSchema) -> str:
    if "anyOf" in schema:
        return "any of " + ", ".join(
            sorted(option.get("type", option.get("$ref", "any")) for option in schema["anyOf"])
        )
    if "const" in schema:
        return f"the constant {schema['const']}"
    return str(schema.get("type", "any"))
