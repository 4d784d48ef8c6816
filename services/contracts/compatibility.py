"""Tells whether a JSON Schema may take another's place without breaking those who read or write by the old one."""

from collections.abc import Iterator
from typing import Any

Schema = dict[str, Any]

_CONSTRAINTS = (
    *("format", "pattern", "minLength", "maxLength"),
    *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
    *("minItems", "maxItems", "uniqueItems"),
)
_MEANINGS = ("default", "x-pii")
"""What readers and writers rely on, so that it may not even be taken away."""


def breaking_changes(old: Schema, new: Schema) -> list[str]:
    """What in `new` is not additive to `old`, as sentences that name the field; empty if it may replace it.

    Additive is: a new optional field, a new definition, a longer description, a wider enum. Not additive is: a field
    dropped, renamed, retyped, newly required or no longer required; a constraint made or altered on a field that was
    there; another default, or none; personal data that is no longer marked.
    """
    return list(_compare(old, new, old.get("$defs", {}), new.get("$defs", {}), ""))


def _compare(old: Schema, new: Schema, old_defs: Schema, new_defs: Schema, path: str) -> Iterator[str]:
    old, new = _resolve(old, old_defs), _resolve(new, new_defs)
    place = path or "message"
    if _kind(old) != _kind(new):
        yield f"{place} changes its type from {_kind(old)} to {_kind(new)}"
        return
    yield from _narrowed(old, new, place)
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


def _narrowed(old: Schema, new: Schema, place: str) -> Iterator[str]:
    for name in _CONSTRAINTS:
        was, now = old.get(name), new.get(name)
        if was != now and now is not None:
            yield f"{place} changes its {name} from {was} to {now}"
    for name in _MEANINGS:
        if name in old and old[name] != new.get(name):
            yield f"{place} changes its {name} from {old[name]} to {new.get(name)}"
    choices: list[str] = old.get("enum", [])
    if dropped := sorted(set(choices) - set(new.get("enum") or choices)):
        yield f"{place} drops {', '.join(dropped)}"
    if "enum" in new and "enum" not in old:
        yield f"{place} newly takes only {', '.join(map(str, new['enum']))}"


def _resolve(schema: Schema, definitions: Schema) -> Schema:
    reference = schema.get("$ref")
    if reference is None:
        return schema
    resolved: Schema = definitions[reference.rsplit("/", 1)[-1]]
    return resolved


def _kind(schema: Schema) -> str:
    if "anyOf" in schema:
        return "any of " + ", ".join(
            sorted(option.get("type", option.get("$ref", "any")) for option in schema["anyOf"])
        )
    if "const" in schema:
        return f"the constant {schema['const']}"
    return str(schema.get("type", "any"))
