"""Batches as most are, read by structs: each action by that of its own type.

What a struct cannot read (metadata, a field that its type has no use for, anything wrong) is for the models of
`schemas`, which alone say what is wrong with a request. The rules of `collector` hold for both.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, Final, NamedTuple, TypeAlias, Union

import msgspec

from services.analytics.schemas import MAX_ACTIONS, Action
from services.contracts.registry import EMITTERS, EVENTS
from services.contracts.structs import TimeText, struct_of

ActionStruct: TypeAlias = Any
"""An instance of one of the structs that are made here, with the names of the wire."""

BatchStruct: TypeAlias = Any
"""An instance of `Batch`, which is made at run time, too."""

_TAG: Final = "actionType"
_PROPERTIES: Final = Action.model_json_schema()["properties"]


OWN_NAMES: Final = (
    ("sku", "sku", "sku", "product_id"),
    ("code", "category_code", "categoryCode", "category_id"),
    ("code", "search_category_code", "searchCategoryCode", "search_category_id"),
)
"""The shop's own ids in an action: the kind, the field, its name on the wire, and the field of our id."""


class Kind(NamedTuple):
    """An action type and the struct of its payload, whose fields come first among those of the action."""

    name: str
    payload: Callable[..., Any]
    size: int
    tells_time: bool
    names: tuple[tuple[str, str, str], ...]
    """The shop's own ids that it may have: the kind, and the names on the wire of it and of ours."""

    needs: str | None
    """That of our id which must be given, unless the shop's is."""


def _structs() -> dict[type[msgspec.Struct], Kind]:
    """The struct of an action of each type: the fields of its payload, and what the collector takes with any."""
    structs = {}
    for name in map(str, EMITTERS):
        model = EVENTS[name].payload
        payload = struct_of(model)
        own = [wire for _, _, wire, ours in OWN_NAMES if ours in model.model_fields]
        more = {each: _PROPERTIES[each] for each in ("timestamp", "eventId", *own)}
        struct = struct_of(model, more=more, tag=(_TAG, name), may_lack={"productId", "searchCategoryId"})
        fields = payload.__struct_fields__
        ids = {ours: model.model_fields[ours] for *_, ours in OWN_NAMES if ours in model.model_fields}
        names = tuple((kind, wire, ids[ours].alias or ours) for kind, _, wire, ours in OWN_NAMES if ours in ids)
        needs = next((field.alias for field in ids.values() if field.is_required()), None)
        structs[struct] = Kind(name, payload, len(fields), "timestamp" in fields, names, needs)
    return structs


KIND_OF: Final = _structs()


_ACTIONS: Final[Any] = Annotated[
    list[Union[tuple(KIND_OF)]],  # type: ignore[misc]  # noqa: UP007 - made at run time
    msgspec.Meta(min_length=1, max_length=MAX_ACTIONS),
]
Batch: Final = msgspec.defstruct(
    "Batch",
    [("actions", _ACTIONS), ("consent", bool, True), ("sentAt", TimeText | None, None)],
    forbid_unknown_fields=True,
)
"""`Actions` as most are."""

_decode: Final = msgspec.json.Decoder(Batch).decode


def read(body: bytes) -> BatchStruct | None:
    """The batch in a request's body; None where the models must be asked."""
    if b"\\u0000" in body:
        return None
    try:
        return _decode(body)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return None


def payload_of(kind: Kind, action: ActionStruct, happened_at: datetime) -> Any:  # noqa: ANN401 - a struct made above
    """The payload of an action; of those that tell their time, with the collector's."""
    payload = kind.payload(*msgspec.structs.astuple(action)[: kind.size])
    payload.simulated = payload.simulated or False
    if kind.tells_time:
        payload.timestamp = happened_at
    return payload


def sent_at(batch: BatchStruct) -> datetime | None:
    """When the batch was sent, by its sender's clock."""
    return None if batch.sentAt is None else datetime.fromisoformat(batch.sentAt)


def model_of(action: ActionStruct) -> Action:
    """The same action as a model."""
    return Action.model_validate(msgspec.to_builtins(action))
