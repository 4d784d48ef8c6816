"""The event that an action becomes, whether a model or a struct has read it: one set of rules for both."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from pydantic import ValidationError

from services.analytics.addresses import CAMPAIGN, CLEANED, without_email, without_personal
from services.analytics.bots import Speeds, is_known_bot
from services.analytics.clocks import Clocks
from services.analytics.domain import FIELDS, NEEDS, VIEW, is_given
from services.analytics.external_ids import ExternalId
from services.analytics.refusals import Reason, RefusedError
from services.analytics.schemas import MAX_FAULTS, Action, Malformed
from services.analytics.sender import PRODUCER, Sender, refuse_unpermitted
from services.analytics.structs import EXTERNAL_IDS, KIND_OF, TEXTS, ActionStruct, model_of, payload_of
from services.common.runtime.errors import Fault, faults_of
from services.contracts.card_numbers import has_card_number
from services.contracts.envelope import message_of, new_event_id, new_event_id_text
from services.contracts.registry import EVENTS

_NAMES = {str(field.alias): name for name, field in Action.model_fields.items()}
"""The names of the model by those of JSON."""
_FIELDS = {action_type: {_NAMES[each] for each in fields} for action_type, fields in FIELDS.items()}
"""The fields that an action may have, by its type, with the names of the model."""

Made = tuple[UUID | str, str, bytes]
"""An event's id, its user and its message."""


@dataclass(frozen=True)
class Batch:
    """The context of all actions of a batch."""

    sender: Sender
    clocks: Clocks
    trace: str | None
    ids: Mapping[ExternalId, int] | None
    """Our ids by the shop's own, if any action has one."""

    speeds: Speeds


def model_message(batch: Batch, index: int, action: Action | Malformed) -> Made:
    """The event of an action that a model has read.

    Raises:
        RefusedError: a rule forbids it.
    """
    if isinstance(action, Malformed):
        raise RefusedError(Reason.MALFORMED, action.faults)
    sender = batch.sender
    refuse_unpermitted(sender, action.action_type, action.user_id)
    happened_at = batch.clocks.happened_at(action.timestamp, is_trusted=sender.is_service)
    fields = {**_fields(batch, action), "timestamp": happened_at}
    if action.timestamp is not None and batch.clocks.offset:
        fields["clock_offset_seconds"] = batch.clocks.offset
    fields["user_agent"] = action.user_agent or sender.agent
    given_id = action.event_id or sender.event_id(index, action)
    fields["is_bot"] = action.is_bot or _is_bot(batch, action, action.action_type, happened_at, given_id)
    try:
        payload = EVENTS[action.action_type].payload.model_validate(fields)
    except ValidationError as error:
        raise RefusedError(Reason.MALFORMED, faults_of(error, most=MAX_FAULTS)) from None
    event_id = given_id or new_event_id()
    message = message_of(
        action.action_type,
        payload,
        producer=PRODUCER,
        event_id=event_id,
        timestamp=happened_at,
        traceparent=batch.trace,
    )
    return event_id, action.user_id, message


def _fields(batch: Batch, action: Action) -> dict[str, Any]:
    """The fields of a payload as the sender gave them, with our ids for the shop's.

    Raises:
        RefusedError: one is missing, or is not of this type, or has what none may have.
    """
    fields = action.model_dump(exclude={"action_type", "event_id"}, exclude_none=True)
    may_have = _FIELDS[action.action_type]
    for kind, own, wire, ours in EXTERNAL_IDS:
        if own in fields and ours in may_have:
            fields[ours] = _named(batch, kind, wire, fields.pop(own), fields.get(ours))
    if unknown := fields.keys() - may_have:
        names = sorted(Action.model_fields[name].alias or name for name in unknown)
        raise _malformed(names, f"{action.action_type} has no such field")
    if missing := [wire for wire in NEEDS[action.action_type] if not is_given(fields.get(_NAMES[wire]))]:
        raise _malformed(missing, f"{action.action_type} needs it")
    written = {wire: fields.get(_NAMES[wire]) for wire in TEXTS}
    if action.metadata is not None:
        written["metadata"] = json.dumps(action.metadata, ensure_ascii=False)
    _refuse_card_numbers(written, written.get)
    for wire, cleaned in CLEANED.items():
        if (name := _NAMES[wire]) in fields:
            fields[name] = cleaned(fields[name])
    return fields


def _malformed(names: Iterable[str], message: str) -> RefusedError:
    return RefusedError(Reason.MALFORMED, [Fault(field=name, message=message) for name in names])


def _refuse_card_numbers(fields: Iterable[str], text_of: Callable[[str], str | None]) -> None:
    for field in fields:
        if (text := text_of(field)) is not None and has_card_number(text):
            raise RefusedError.of(Reason.CARD_NUMBER, field, "must not contain a card number")


def _is_bot(batch: Batch, action: Action | ActionStruct, kind: str, at: datetime, given_id: UUID | str | None) -> bool:
    """Whether a bot did it: by the user agent, or by the speed of who sends its own actions."""
    sender = batch.sender
    user, agent = (
        (action.user_id, action.user_agent) if isinstance(action, Action) else (action.userId, action.userAgent)
    )
    if sender.has_bots_agent if agent is None else is_known_bot(agent):
        return True
    if sender.is_service:
        return False
    seen = user, at.timestamp(), kind == VIEW, action.timestamp is not None
    return batch.speeds.is_too_fast(*seen) if given_id is None else batch.speeds.is_too_fast_once(str(given_id), *seen)


def _named(batch: Batch, kind: str, wire: str, name: str, given: int | None) -> int:
    """Our id for a shop's id, which must equal a given one."""
    found = (batch.ids or {}).get((kind, name))
    if found is None:
        raise RefusedError.of(Reason.UNKNOWN_NAME, wire, f"the catalog has told of none: {name}")
    if given not in (None, found):
        raise RefusedError.of(Reason.CONFLICT, wire, f"is {found}, not the id that is given beside it: {name}")
    return found


def struct_message(batch: Batch, index: int, action: ActionStruct) -> Made:
    """The event of an action that a struct has read; raises as `model_message` does."""
    kind, sender = KIND_OF[type(action)], batch.sender
    refuse_unpermitted(sender, kind.name, action.userId)
    told = action.timestamp
    happened_at = batch.clocks.happened_at(
        None if told is None else datetime.fromisoformat(told), is_trusted=sender.is_service
    )
    payload = payload_of(kind, action, happened_at)
    if batch.ids is not None:
        for what, wire, ours in kind.external_ids:
            if (name := getattr(action, wire)) is not None:
                setattr(payload, ours, _named(batch, what, wire, name, getattr(payload, ours)))
    for each in kind.needs:
        if not is_given(getattr(payload, each)):
            return model_message(batch, index, model_of(action))  # which reports what is wrong
    _clean(payload)
    _refuse_card_numbers(kind.texts, partial(getattr, payload))
    if told is not None and batch.clocks.offset:
        payload.clockOffsetSeconds = batch.clocks.offset
    payload.userAgent = action.userAgent or sender.agent
    given_id = action.eventId or sender.event_id(index, action)
    payload.isBot = action.isBot or _is_bot(batch, action, kind.name, happened_at, given_id)
    event_id = given_id or new_event_id_text()
    message = message_of(
        kind.name, payload, producer=PRODUCER, event_id=event_id, timestamp=happened_at, traceparent=batch.trace
    )
    return event_id, action.userId, message


def _clean(payload: Any) -> None:  # noqa: ANN401 - of a struct
    """Do what `CLEANED` says; a loop over it for every action would take ten times as long."""
    if payload.pageUrl is not None:
        payload.pageUrl = without_personal(payload.pageUrl)
    if payload.referrer is not None:
        payload.referrer = without_personal(payload.referrer)
    is_of_none = payload.utmSource is payload.utmMedium is payload.utmCampaign is payload.utmTerm is payload.utmContent
    if is_of_none and payload.utmSource is None:
        return
    for field in CAMPAIGN:
        if (given := getattr(payload, field)) is not None:
            setattr(payload, field, without_email(given))
