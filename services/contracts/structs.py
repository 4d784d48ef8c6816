"""msgspec structs, generated from the JSON Schemas of models: they decode six times as fast.

A struct is at least as strict as its model: the model accepts everything that the struct accepts. What a struct cannot
express (free metadata, unknown fields, money without exactly the decimals of its currency) it refuses, and the model
decides. Fields have their names in JSON; required ones come first, so that the values of one struct can be the
arguments of another. Encoding omits fields that were not given.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from types import NoneType
from typing import Annotated, Any, Final, Literal, TypeAlias, Union

import msgspec
from msgspec import Meta

from services.contracts import string_formats
from services.contracts.envelope import Contract
from services.contracts.money import digits_of

JsonSchema = Mapping[str, Any]
Tag = tuple[str, str]

UuidText: TypeAlias = Annotated[str, Meta(pattern=r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\Z")]
TimeText: TypeAlias = Annotated[
    str,
    Meta(  # RFC 3339, with the days of each month, and whole years of the valid range
        pattern=r"^20(?:0[1-9]|[1-8][0-9]|9[0-8])-"
        r"(?:(?:0[1-9]|1[0-2])-(?:0[1-9]|1[0-9]|2[0-8])|(?:0[13-9]|1[0-2])-(?:29|30)|(?:0[13578]|1[02])-31)"
        r"T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,6})?(?:Z|[+-](?:0[0-9]|1[0-4]):[0-5][0-9])\Z"
    ),
]
_FORMATS: Final = {"uuid": UuidText, "date-time": TimeText}

_NOTES: Final = {"title", "description", "default", "examples", "x-pii", "x-open", "type"}
_BOUNDS: Final = {"minimum": "ge", "maximum": "le"}
_LENGTHS: Final = {"minLength": "min_length", "maxLength": "max_length"}
_KINDS: Final[dict[str, tuple[type, dict[str, str]]]] = {
    "string": (str, {**_LENGTHS, "pattern": "pattern"}),
    "integer": (int, _BOUNDS),
    "number": (float, _BOUNDS),
    "boolean": (bool, {}),
    "null": (NoneType, {}),
}
_NO_NUL: Final = r"^[^\x00]*$"
"""Not part of structs: their callers search the whole payload for an escaped NUL."""


def struct_of(
    model: type[Contract],
    *,
    more: JsonSchema | None = None,
    tag: Tag | None = None,
    may_lack: Collection[str] = (),
    only: Collection[str] | None = None,
) -> type[msgspec.Struct]:
    """The struct of a model: decoding raises `msgspec.MsgspecError` if only the model can decide.

    A payload with an escaped NUL must not be decoded with it.

    Args:
        model: the model.
        more: additional optional fields, which come last, with their JSON Schemas.
        tag: the tag field and its value.
        may_lack: required fields of the model that are optional here; None if they are missing.
        only: the fields of the model that it has; all by default.
    """
    schema = model.model_json_schema()
    own = {name: part for name, part in schema["properties"].items() if only is None or name in only}
    properties = {**own, **(more or {})}
    whole = {**schema, "properties": properties}
    definitions = schema.get("$defs", {})
    namespace = {"version": model.version, **_of_their_currency(whole, definitions)}
    return _struct(whole, definitions, tag, may_lack, namespace)


def _of_their_currency(schema: JsonSchema, definitions: JsonSchema) -> dict[str, Callable[[Any], None]]:
    """The `__post_init__` of a struct with money, which checks the decimals."""
    properties = schema["properties"]
    amounts, default = _amounts(schema, definitions), properties.get("currency", {}).get("default")
    lists = {
        name: inner
        for name, part in properties.items()
        if "items" in part and (inner := _amounts(_resolved(part["items"], definitions), definitions))
    }
    if "currency" not in properties or not (amounts or lists):
        return {}

    def check(struct: Any) -> None:  # noqa: ANN401 - a generated struct
        if (currency := struct.currency or default) is None:
            return
        digits = digits_of(currency)
        for amount in _written(struct, amounts, lists):
            if len(amount.partition(".")[2]) != digits:
                raise ValueError("not the decimals of its currency")

    return {"__post_init__": check}


def _amounts(schema: JsonSchema, definitions: JsonSchema) -> tuple[str, ...]:
    """The fields of a schema that are money."""
    parts = {name: part.get("anyOf", [part]) for name, part in schema.get("properties", {}).items()}
    return tuple(
        name
        for name, options in parts.items()
        if any(_resolved(option, definitions).get("pattern") == string_formats.MONEY for option in options)
    )


def _written(struct: Any, amounts: Collection[str], lists: Mapping[str, Collection[str]]) -> Iterator[str]:  # noqa: ANN401
    yield from (amount for name in amounts if (amount := getattr(struct, name)) is not None)
    for name, inner in lists.items():
        yield from (getattr(line, each) for line in getattr(struct, name) for each in inner)


def _resolved(part: JsonSchema, definitions: JsonSchema) -> JsonSchema:
    found: JsonSchema = definitions[part["$ref"].rpartition("/")[2]] if "$ref" in part else part
    return found


def _struct(
    schema: JsonSchema,
    definitions: JsonSchema,
    tag: Tag | None = None,
    may_lack: Collection[str] = (),
    namespace: dict[str, Any] | None = None,
) -> type[msgspec.Struct]:
    required = schema.get("required", ())
    types = {name: _type(part, definitions) for name, part in schema["properties"].items()}
    first: list[Any] = [
        (name, types[name], None) if name in may_lack else (name, types[name]) for name in types if name in required
    ]
    rest = [(name, types[name], None) for name in types if name not in required]
    field, value = tag or (None, None)
    return msgspec.defstruct(
        schema["title"],
        [*first, *rest],
        namespace=namespace,
        omit_defaults=True,
        forbid_unknown_fields=True,
        kw_only=bool(may_lack),
        gc=False,  # decoded JSON has no cycles
        tag_field=field,
        tag=value,
    )


def _type(part: JsonSchema, definitions: JsonSchema) -> Any:  # noqa: ANN401, PLR0911 - one for each form of schema
    """The type of a part of a schema; `NoneType` if msgspec cannot express it."""
    said = part.keys() - _NOTES
    if "$ref" in part:
        return _type(_resolved(part, definitions), definitions)
    if said == {"anyOf"}:
        return Union[tuple(_type(one, definitions) for one in part["anyOf"])]  # noqa: UP007 - created at run time
    if said == {"enum"}:
        return Literal[tuple(part["enum"])]
    if said >= {"properties"} and said <= {"properties", "required"}:
        return _struct(part, definitions)
    if "items" in said and said <= {"items", "maxItems"}:
        return _at_most(list[_type(part["items"], definitions)], part.get("maxItems"))  # type: ignore[misc]
    if "patternProperties" in said and said <= {"patternProperties", "maxProperties"}:
        ((pattern, value),) = part["patternProperties"].items()
        key = Annotated[str, Meta(pattern=pattern.removesuffix("$") + r"\Z")]
        return _at_most(dict[key, _type(value, definitions)], part.get("maxProperties"))  # type: ignore[misc]
    if part.get("format") in _FORMATS and said <= {"format", "pattern"}:
        return _FORMATS[part["format"]]
    kind, words = _KINDS.get(part.get("type", ""), (NoneType, {}))
    if not said <= words.keys():
        return NoneType
    limits = {words[word]: part[word] for word in said if part[word] != _NO_NUL}
    if "pattern" in limits:
        limits["pattern"] = (
            limits["pattern"].removesuffix("$") + r"\Z"
        )  # Python's `$` also stands before a last newline
    return Annotated[kind, Meta(**limits)] if limits else kind


def _at_most(kind: Any, count: int | None) -> Any:  # noqa: ANN401 - a type, created at run time
    return kind if count is None else Annotated[kind, Meta(max_length=count)]
