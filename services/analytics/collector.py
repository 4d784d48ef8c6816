"""Collects batches: sends the events of valid actions, keeps some of the refused ones, and waits for the broker."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from uuid import UUID

import msgspec

from services.analytics.addresses import CLEANED
from services.analytics.bots import Speeds
from services.analytics.clocks import Clocks
from services.analytics.events import Batch, model_message, struct_message
from services.analytics.external_ids import ExternalId, ExternalIds
from services.analytics.refusals import CollectorUnavailable, Reason, RefusedError, dead_letter_of
from services.analytics.schemas import Action, ActionStatus, Malformed
from services.analytics.sender import Sender
from services.analytics.structs import EXTERNAL_IDS, ActionStruct
from services.common.messaging.producer import KeyedMessage, Producer
from services.common.runtime.outages import is_unavailable
from services.common.runtime.telemetry import traceparent

TOPIC = "user-actions.v1"
DEAD_LETTERS = "dead-letters.v1"
Given = Action | Malformed | ActionStruct


class Result(msgspec.Struct, rename="camel", omit_defaults=True, gc=False):
    """A fast version of `ActionResult`."""

    index: int
    status: ActionStatus
    event_id: UUID | str | None = None
    errors: Sequence[dict[str, str]] = ()


async def collect(
    producer: Producer,
    external_ids: ExternalIds,
    speeds: Speeds,
    sender: Sender,
    actions: Sequence[Given],
    sent_at: datetime | None = None,
) -> list[Result]:
    """Send the valid actions and wait for the broker; returns the outcomes in the order of `actions`.

    Raises:
        CollectorUnavailable: some were not acknowledged.
    """
    ids = await _ids(external_ids, actions)
    batch = Batch(sender, Clocks.of(datetime.now(UTC), sent_at), traceparent(), ids, speeds)
    results: list[Result] = []
    messages: list[KeyedMessage] = []
    dead_letters: list[KeyedMessage | None] = []
    seen: dict[str, bytes] = {}
    make = model_message if _are_models(actions) else struct_message
    for index, action in enumerate(actions):
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
    are_models = _are_models(actions)
    wanted: set[ExternalId] = set()
    for kind, field, wire, _ in EXTERNAL_IDS:
        given = {getattr(each, field if are_models else wire, None) for each in actions}
        wanted.update((kind, name) for name in given if name is not None)
    if not wanted:
        return None
    try:
        return await external_ids.ids(wanted)
    except Exception as error:
        if is_unavailable(error):
            raise CollectorUnavailable("The shop's own ids cannot be looked up now. Send the actions again.") from error
        raise


def _are_models(actions: Sequence[Given]) -> bool:
    return isinstance(actions[0], Action | Malformed)  # all actions of a batch, or none


async def _send(producer: Producer, topic: str, messages: Sequence[KeyedMessage]) -> Sequence[Exception | None]:
    return await producer.send_many(topic, messages) if messages else ()


def _written(action: Given) -> bytes:
    """An action as JSON, close to the original: what is not kept as it comes is as it would be kept."""
    if isinstance(action, Malformed):
        value = action.value
    elif isinstance(action, Action):
        value = action.model_dump(mode="json", by_alias=True, exclude_unset=True)
    else:
        value = msgspec.to_builtins(action)
    if isinstance(value, dict):
        value = {name: _kept(name, each) for name, each in value.items()}
    return json.dumps(value, ensure_ascii=False).encode(errors="replace")


def _kept(name: str, value: object) -> object:
    return CLEANED[name](value) if name in CLEANED and isinstance(value, str) else value
