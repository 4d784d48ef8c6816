"""The rules of the collector: who may send which action, its valid times, and whether a person did it."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from uuid import NAMESPACE_URL, UUID, uuid5

import msgspec
from pydantic import ValidationError

from services.analytics.bots import is_known_bot
from services.analytics.clocks import Clocks
from services.analytics.external_ids import ExternalId, ExternalIds
from services.analytics.refusals import Reason, RefusedError, dead_letter_of
from services.analytics.schemas import MAX_FAULTS, Action, ActionStatus, Malformed
from services.analytics.structs import EXTERNAL_IDS, KIND_OF, ActionStruct, model_of, payload_of
from services.common.identity.ownership import is_visitor_id
from services.common.identity.tokens import Principal
from services.common.messaging.producer import KeyedMessage, Producer
from services.common.runtime.errors import Fault, Unavailable, faults_of
from services.common.runtime.outages import is_away
from services.common.runtime.telemetry import traceparent
from services.contracts.envelope import message_of, new_event_id, new_event_id_text
from services.contracts.events.actions import MAX_AGENT
from services.contracts.registry import EMITTERS, EVENTS

PRODUCER = "analytics"
TOPIC = "user-actions.v1"
DEAD_LETTERS = "dead-letters.v1"
_ENVELOPES = {"action_type", "event_id", "timestamp"}
"""The fields of an action outside its payload."""

Given = Action | Malformed | ActionStruct
Made = tuple[UUID | str, str, bytes]
"""An event's id, its user and its message."""


class CollectorUnavailable(Unavailable):
    """The broker did not acknowledge every action: send the batch again unchanged."""


@dataclass(frozen=True)
class Sender:
    """The sender of a batch, its user agent and Idempotency-Key; `is_unverified`: the token could not be checked."""

    principal: Principal | None
    user_agent: str
    key: str | None = None
    is_unverified: bool = False

    @cached_property
    def is_service(self) -> bool:
        """Whether the batch has a service token, the importer's for example."""
        return self.principal is not None and self.principal.is_service

    @cached_property
    def agent(self) -> str | None:
        """The user's own user agent; None if a service sends the batch."""
        return None if self.is_service else self.user_agent.replace("\0", "")[:MAX_AGENT] or None

    def event_id(self, index: int, action: Action | ActionStruct) -> UUID | None:
        """The event id of the action at `index`: the same for the same Idempotency-Key, None without a key."""
        if self.key is None:
            return None
        action = action if isinstance(action, Action) else model_of(action)
        caller = "a visitor" if self.principal is None else f"{self.is_service} {self.principal.subject}"
        return uuid5(NAMESPACE_URL, "\n".join((PRODUCER, caller, self.key, str(index), action.model_dump_json())))


class Result(msgspec.Struct, rename="camel", omit_defaults=True, gc=False):
    """A fast version of `ActionResult`."""

    index: int
    status: ActionStatus
    event_id: UUID | str | None = None
    errors: Sequence[dict[str, str]] = ()


@dataclass(frozen=True)
class _Batch:
    """The context of all actions of a batch."""

    sender: Sender
    clocks: Clocks
    trace: str | None
    ids: Mapping[ExternalId, int] | None
    """Our ids by the shop's own, if any action has one."""


async def collect(
    producer: Producer,
    external_ids: ExternalIds,
    sender: Sender,
    actions: Sequence[Given],
    sent_at: datetime | None = None,
) -> list[Result]:
    """Send the valid actions and wait for the broker; returns the outcomes in the order of `actions`.

    Raises:
        CollectorUnavailable: some were not acknowledged.
    """
    ids = await _ids(external_ids, actions)
    batch = _Batch(sender, Clocks.of(datetime.now(UTC), sent_at), traceparent(), ids)
    results: list[Result] = []
    messages: list[KeyedMessage] = []
    dead_letters: list[KeyedMessage | None] = []
    seen: dict[str, bytes] = {}
    for index, action in enumerate(actions):
        make = _model_message if isinstance(action, Action | Malformed) else _struct_message
        try:
            event_id, user_id, message = make(batch, index, action)
            if seen.setdefault(str(event_id), message) != message:
                raise RefusedError.of(Reason.CONFLICT, "eventId", "belongs to another action of this batch")
        except RefusedError as refused:
            faults = [fault.model_dump() for fault in refused.faults]
            results.append(Result(index, ActionStatus.REFUSED, errors=faults))
            dead_letters.append(dead_letter_of(TOPIC, refused, _written(action)))
        else:
            messages.append((user_id, message))
            results.append(Result(index, ActionStatus.ACCEPTED, event_id))
    kept = [letter for letter in dead_letters if letter is not None]
    sent, _ = await asyncio.gather(_send(producer, TOPIC, messages), _send(producer, DEAD_LETTERS, kept))
    if any(sent):
        raise CollectorUnavailable("The actions cannot be recorded now. Send them again, as they were.")
    return results


async def _ids(external_ids: ExternalIds, actions: Sequence[Given]) -> Mapping[ExternalId, int] | None:
    """Our ids for the shop's ids in the actions, None if there are none."""
    are_models = isinstance(actions[0], Action | Malformed)  # all actions of a batch, or none
    wanted: set[ExternalId] = set()
    for kind, field, wire, _ in EXTERNAL_IDS:
        given = {getattr(each, field if are_models else wire, None) for each in actions}
        wanted.update((kind, name) for name in given if name is not None)
    if not wanted:
        return None
    try:
        return await external_ids.ids(wanted)
    except Exception as error:
        if is_away(error):
            raise CollectorUnavailable("The shop's own ids cannot be looked up now. Send the actions again.") from error
        raise


async def _send(producer: Producer, topic: str, messages: Sequence[KeyedMessage]) -> Sequence[Exception | None]:
    return await producer.send_many(topic, messages) if messages else ()


def _written(action: Given) -> bytes:
    """An action as JSON, close to the original."""
    if isinstance(action, Malformed):
        return json.dumps(action.value).encode()
    if isinstance(action, Action):
        return action.model_dump_json(by_alias=True, exclude_unset=True).encode()
    return msgspec.json.encode(action)


def _model_message(batch: _Batch, index: int, action: Action | Malformed) -> Made:
    if isinstance(action, Malformed):
        raise RefusedError(Reason.MALFORMED, action.faults)
    sender = batch.sender
    _refuse_unpermitted(sender, action.action_type, action.user_id)
    fields = action.model_dump(exclude={"action_type", "event_id"}, exclude_none=True)
    payload_type = EVENTS[action.action_type].payload
    own_names = [
        (kind, wire, fields.pop(own), ours)
        for kind, own, wire, ours in EXTERNAL_IDS
        if own in fields and ours in payload_type.model_fields
    ]
    if unknown := fields.keys() - payload_type.model_fields.keys() - _ENVELOPES:
        names = sorted(Action.model_fields[name].alias or name for name in unknown)
        faults = [Fault(field=name, message=f"{action.action_type} has no such field") for name in names]
        raise RefusedError(Reason.MALFORMED, faults)
    happened_at = fields["timestamp"] = batch.clocks.happened_at(action.timestamp, is_trusted=sender.is_service)
    for kind, wire, name, ours in own_names:
        fields[ours] = _named(batch, kind, wire, name, fields.get(ours))
    if action.timestamp is not None and batch.clocks.offset:
        fields["clock_offset_seconds"] = batch.clocks.offset
    agent = fields["user_agent"] = action.user_agent or sender.agent
    fields["is_bot"] = action.is_bot or (agent is not None and is_known_bot(agent))
    try:
        payload = payload_type.model_validate(fields)
    except ValidationError as error:
        raise RefusedError(Reason.MALFORMED, faults_of(error, most=MAX_FAULTS)) from None
    event_id = action.event_id or sender.event_id(index, action) or new_event_id()
    message = message_of(
        action.action_type,
        payload,
        producer=PRODUCER,
        event_id=event_id,
        timestamp=happened_at,
        traceparent=batch.trace,
    )
    return event_id, action.user_id, message


def _named(batch: _Batch, kind: str, wire: str, name: str, given: int | None) -> int:
    """Our id for a shop's id, which must equal a given one."""
    found = (batch.ids or {}).get((kind, name))
    if found is None:
        raise RefusedError.of(Reason.UNKNOWN_NAME, wire, f"the catalog has told of none: {name}")
    if given not in (None, found):
        raise RefusedError.of(Reason.CONFLICT, wire, f"is {found}, not the id that is given beside it: {name}")
    return found


def _struct_message(batch: _Batch, index: int, action: ActionStruct) -> Made:
    kind, sender = KIND_OF[type(action)], batch.sender
    _refuse_unpermitted(sender, kind.name, action.userId)
    told = action.timestamp
    happened_at = batch.clocks.happened_at(
        None if told is None else datetime.fromisoformat(told), is_trusted=sender.is_service
    )
    payload = payload_of(kind, action, happened_at)
    if batch.ids is not None:
        for what, wire, ours in kind.external_ids:
            if (name := getattr(action, wire)) is not None:
                setattr(payload, ours, _named(batch, what, wire, name, getattr(payload, ours)))
    if kind.needs is not None and getattr(payload, kind.needs) is None:
        return _model_message(batch, index, model_of(action))  # which reports what is wrong
    if told is not None and batch.clocks.offset:
        payload.clockOffsetSeconds = batch.clocks.offset
    agent = payload.userAgent = action.userAgent or sender.agent
    payload.isBot = action.isBot or (agent is not None and is_known_bot(agent))
    event_id = action.eventId or sender.event_id(index, action) or new_event_id_text()
    message = message_of(
        kind.name, payload, producer=PRODUCER, event_id=event_id, timestamp=happened_at, traceparent=batch.trace
    )
    return event_id, action.userId, message


def _refuse_unpermitted(sender: Sender, action_type: str, user_id: str) -> None:
    try:
        _check_permission(sender, action_type, user_id)
    except RefusedError as refused:
        if sender.is_unverified:  # it may be allowed
            raise CollectorUnavailable("Tokens cannot be verified now. Send the actions again.") from refused
        raise


def _check_permission(sender: Sender, action_type: str, user_id: str) -> None:
    if sender.is_service:
        return
    if EMITTERS[action_type] != "browser":
        reason = f"{action_type} is emitted by {EMITTERS[action_type]} alone"
        raise RefusedError.of(Reason.FOREIGN_TYPE, "actionType", reason)
    is_own = sender.principal is not None and user_id == sender.principal.subject
    if not is_own and not is_visitor_id(user_id):
        reason = "must be the token's subject, or anon:<uuid> for a visitor"
        raise RefusedError.of(Reason.FOREIGN_USER, "userId", reason)
