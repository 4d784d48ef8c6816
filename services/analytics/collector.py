"""The rules of the collector: who may send which action, when it may have happened, and whether a person did it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from uuid import NAMESPACE_URL, UUID, uuid5

import msgspec
from pydantic import ValidationError

from services.analytics.quick import KIND_OF, QuickAction, model_of, payload_of
from services.analytics.schemas import Action, Outcome
from services.common.auth import Principal
from services.common.errors import Unavailable
from services.common.producer import Producer
from services.common.telemetry import traceparent
from services.contracts.envelope import message_of, new_event_id, new_event_id_text
from services.contracts.registry import EMITTERS, EVENTS

PRODUCER = "analytics"
TOPIC = "user-actions.v1"
CLOCK_SKEW = timedelta(minutes=5)
OLDEST_FROM_BROWSER = timedelta(days=7)
_VISITOR = re.compile(r"^anon:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")
_BOT = re.compile(
    r"bot|crawl|spider|slurp|headless|lighthouse|preview|monitor|curl/|wget/|python|okhttp|java/|go-http|scrapy|axios",
    re.IGNORECASE,
)


Made = tuple[UUID | str, str, bytes]
"""An event's id, its user and its message."""


class CollectorUnavailable(Unavailable):
    """The broker did not acknowledge every action: send the batch again, as it was."""


@dataclass(frozen=True)
class Sender:
    """Who sends a batch, by what program, and under which Idempotency-Key."""

    principal: Principal | None
    user_agent: str
    key: str | None = None

    @cached_property
    def is_service(self) -> bool:
        """Whether a service token came with it, the importer's for example."""
        return self.principal is not None and self.principal.is_service

    @cached_property
    def is_bot(self) -> bool:
        """Whether the program names itself as no browser; services are trusted to say so themselves."""
        return not self.is_service and (not self.user_agent or _BOT.search(self.user_agent) is not None)

    def event_id(self, index: int, action: Action | QuickAction) -> UUID | None:
        """The id of the batch's action at `index`: the same whenever it is sent under its key, None without a key."""
        if self.key is None:
            return None
        action = action if isinstance(action, Action) else model_of(action)
        caller = "a visitor" if self.principal is None else f"{self.is_service} {self.principal.subject}"
        return uuid5(NAMESPACE_URL, "\n".join((PRODUCER, caller, self.key, str(index), action.model_dump_json())))


class Result(msgspec.Struct, rename="camel", gc=False):
    """An `ActionResult` that is written quickly."""

    status: Outcome
    event_id: UUID | str | None = None
    field: str | None = None
    reason: str | None = None


class _RefusedError(Exception):
    """Why one action is refused."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(reason)
        self.result = Result(Outcome.REFUSED, field=field, reason=reason)


async def collect(producer: Producer, sender: Sender, actions: Sequence[Action | QuickAction]) -> list[Result]:
    """Send what may be sent and wait for the broker; the outcomes in the order of `actions`.

    Raises:
        CollectorUnavailable: some were not acknowledged.
    """
    results: list[Result] = []
    messages: list[tuple[str, bytes]] = []
    trace = traceparent()
    for index, action in enumerate(actions):
        make = _careful_message if isinstance(action, Action) else _quick_message
        try:
            event_id, user_id, message = make(sender, index, action, trace)
        except _RefusedError as refused:
            results.append(refused.result)
        else:
            messages.append((user_id, message))
            results.append(Result(Outcome.ACCEPTED, event_id))
    if messages and any(await producer.send_many(TOPIC, messages)):
        raise CollectorUnavailable("The actions cannot be recorded now. Send them again, as they were.")
    return results


def _careful_message(sender: Sender, index: int, action: Action, trace: str | None) -> Made:
    _refuse_foreign(sender, action.action_type, action.user_id)
    fields = action.model_dump(exclude={"action_type", "event_id"}, exclude_none=True)
    happened_at = fields["timestamp"] = _happened_at(sender, action.timestamp)
    fields["is_bot"] = action.is_bot or sender.is_bot
    try:
        payload = EVENTS[action.action_type].payload.model_validate(fields)
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        raise _RefusedError(".".join(map(str, fault["loc"])), fault["msg"]) from None
    event_id = action.event_id or sender.event_id(index, action) or new_event_id()
    message = message_of(
        action.action_type, payload, producer=PRODUCER, event_id=event_id, timestamp=happened_at, traceparent=trace
    )
    return event_id, action.user_id, message


def _quick_message(sender: Sender, index: int, action: QuickAction, trace: str | None) -> Made:
    kind = KIND_OF[type(action)]
    _refuse_foreign(sender, kind.name, action.userId)
    given = action.timestamp
    happened_at = _happened_at(sender, None if given is None else datetime.fromisoformat(given))
    payload = payload_of(kind, action, happened_at, is_bot=action.isBot or sender.is_bot)
    event_id = action.eventId or sender.event_id(index, action) or new_event_id_text()
    message = message_of(
        kind.name, payload, producer=PRODUCER, event_id=event_id, timestamp=happened_at, traceparent=trace
    )
    return event_id, action.userId, message


def _refuse_foreign(sender: Sender, action_type: str, user_id: str) -> None:
    if sender.is_service:
        return
    if EMITTERS[action_type] != "browser":
        raise _RefusedError("actionType", f"{action_type} is emitted by {EMITTERS[action_type]} alone")
    is_own = sender.principal is not None and user_id == sender.principal.subject
    if not is_own and not _VISITOR.match(user_id):
        raise _RefusedError("userId", "must be the token's subject, or anon:<uuid> for a visitor")


def _happened_at(sender: Sender, given: datetime | None) -> datetime:
    now = datetime.now(UTC)
    if given is None:
        return now
    if given > now + CLOCK_SKEW:
        raise _RefusedError("timestamp", "lies in the future")
    if given < now - OLDEST_FROM_BROWSER and not sender.is_service:
        raise _RefusedError("timestamp", f"is more than {OLDEST_FROM_BROWSER.days} days ago")
    return min(given.astimezone(UTC), now)
