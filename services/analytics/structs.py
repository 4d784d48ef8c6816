"""Decodes most batches with structs, one struct per action type.

What a struct cannot read (metadata, a field that the type does not have, any error) goes to the models of `schemas`,
and only they report errors. The rules of `collector` apply to both.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, Final, NamedTuple, TypeAlias, Union

import msgspec

from services.analytics.domain import FIELDS, NEEDS, OURS
from services.analytics.schemas import MAX_ACTIONS, Action
from services.contracts.registry import EVENTS
from services.contracts.structs import TimeText, struct_of

ActionStruct: TypeAlias = Any
"""An instance of a generated struct, with the names of the JSON fields."""

BatchStruct: TypeAlias = Any
"""An instance of `Batch`, which is also generated at run time."""

_TAG: Final = "actionType"
_PROPERTIES: Final = Action.model_json_schema()["properties"]


EXTERNAL_IDS: Final = (
    ("sku", "sku", "sku", "product_id"),
    ("code", "category_code", "categoryCode", "category_id"),
    ("code", "search_category_code", "searchCategoryCode", "search_category_id"),
)
"""The shop's own ids in an action: kind, field, JSON name, and the field of our id."""


TEXTS: Final = (
    *("productName", "categoryName", "searchKeyword", "searchCategoryName"),
    *("reviewText", "actionReason", "errorDetails"),
)
"""The fields of an action that people write, in which a card number is refused; so it is in the metadata."""


class ActionKind(NamedTuple):
    """An action type and its payload struct, whose fields but `OURS` come first in the action."""

    name: str
    payload: Callable[..., Any]
    size: int
    tells_time: bool
    external_ids: tuple[tuple[str, str, str], ...]
    """The shop's own ids that it may have: kind, and the JSON names of it and of our id."""

    texts: tuple[str, ...]
    """The fields that people write."""

    needs: tuple[str, ...]
    """The fields that must be given."""


def _structs() -> dict[type[msgspec.Struct], ActionKind]:
    """The action struct of each type: its payload fields but `OURS`, and the collector's common fields."""
    structs = {}
    for name, may_have in FIELDS.items():
        model = EVENTS[name].payload
        payload = struct_of(model, more={OURS: model.model_json_schema()["properties"][OURS]}, only=may_have)
        fields = payload.__struct_fields__[:-1]  # `OURS` is the last
        aliases = ((kind, wire, str(Action.model_fields[ours].alias)) for kind, _, wire, ours in EXTERNAL_IDS)
        ids = tuple(each for each in aliases if each[2] in fields)
        more = {each: _PROPERTIES[each] for each in ("timestamp", "eventId", *(wire for _, wire, _ in ids))}
        struct = struct_of(
            model, more=more, tag=(_TAG, name), may_lack={"productId", "searchCategoryId"}, only=may_have
        )
        texts = tuple(each for each in TEXTS if each in fields)
        structs[struct] = ActionKind(name, payload, len(fields), "timestamp" in fields, ids, texts, NEEDS[name])
    return structs


KIND_OF: Final = _structs()


_ACTIONS: Final[Any] = Annotated[
    list[Union[tuple(KIND_OF)]],  # type: ignore[misc]  # noqa: UP007 - made at run time
    msgspec.Meta(min_length=1, max_length=MAX_ACTIONS),
]
Batch: Final = msgspec.defstruct(
    "Batch",
    [("actions", _ACTIONS), ("consent", bool | msgspec.UnsetType, msgspec.UNSET), ("sentAt", TimeText | None, None)],
    forbid_unknown_fields=True,
)
"""A fast version of `Actions`."""

_decode: Final = msgspec.json.Decoder(Batch).decode


def read(body: bytes) -> BatchStruct | None:
    """Decode a request body; None if the models must read it."""
    if b"\\u0000" in body:
        return None
    try:
        return _decode(body)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return None


def payload_of(kind: ActionKind, action: ActionStruct, happened_at: datetime) -> Any:  # noqa: ANN401 - a struct made above
    """The payload of an action; for types with a time field, with the collector's time."""
    payload = kind.payload(*msgspec.structs.astuple(action)[: kind.size])
    payload.simulated = payload.simulated or False
    if kind.tells_time:
        payload.timestamp = happened_at
    return payload


def consent(batch: BatchStruct) -> bool | None:
    """Whether the user consents, if the batch says so."""
    return None if batch.consent is msgspec.UNSET else batch.consent


def sent_at(batch: BatchStruct) -> datetime | None:
    """When the batch was sent, by its sender's clock."""
    return None if batch.sentAt is None else datetime.fromisoformat(batch.sentAt)


def model_of(action: ActionStruct) -> Action:
    """The same action as a model."""
    return Action.model_validate(msgspec.to_builtins(action))
