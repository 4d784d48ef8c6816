"""The routes of the collector, and of what it recorded of a user."""

from datetime import datetime
from typing import Annotated

import msgspec
from fastapi import Header, Path, Request, Response
from starlette.datastructures import State

from services.analytics import collector, order_events, structs
from services.analytics.models import UserActionLog, ViewHistory
from services.analytics.order_events import Recorded, ShopOrderEvents
from services.analytics.schemas import (
    ActionResults,
    Actions,
    ActionStatus,
    RecordedAction,
    RecordedView,
)
from services.analytics.sender import Sender
from services.analytics.structs import BatchStruct
from services.common.identity.policy import owner, shopper
from services.common.identity.policy import service as service_policy
from services.common.identity.principal import Principal
from services.common.runtime.errors import Fault, Unprocessable, problems
from services.common.storage.database import Session
from services.common.storage.latest import latest
from services.common.web.fields import UserId
from services.common.web.idempotency import KeyHeader
from services.common.web.paging import CursorParam, LimitParam, Page, decode_cursor
from services.common.web.routing import Router

PATH = "/v1/actions"
MAX_FAULTS = 100
SENDER = shopper(services=("importer",), takes_views=True)
READER = owner("analyst", "operator", "admin", services=("profile",))
router = Router()
User = Annotated[UserId, Path(alias="userId")]


class NothingAccepted(Unprocessable):
    """Every action of the batch is refused."""

    title = "No action accepted"


class ConsentUnknown(Unprocessable):
    """A browser's batch does not say whether the user consents."""

    title = "Consent not asked for"


class ActionPage(Page[RecordedAction]):
    """A user's actions, the latest first."""


class ViewPage(Page[RecordedView]):
    """A user's product views, the latest first."""


@router.post(PATH, status_code=202, response_model=ActionResults, responses=problems(415))
async def collect(
    batch: Actions,
    request: Request,
    principal: Annotated[Principal, SENDER],
    user_agent: Annotated[str, Header()] = "",
    key: KeyHeader = None,
) -> Response:
    """Record user actions; responds when the broker has acknowledged them.

    Each action has its own outcome: a refused one, even a malformed one, does not affect the others. 422 if none is
    accepted, 503 if the broker has not acknowledged all of them. Sending a batch again records nothing twice if its
    actions have an `eventId` or the batch has an `Idempotency-Key`; without either, acknowledged actions are recorded
    again. An `eventId` belongs to one action: a second action with it is refused within a batch; in a later batch it is
    accepted, and becomes a dead letter (`CONFLICT`) in the warehouse.

    The body may be `text/plain`, as `navigator.sendBeacon` sends it, and compressed (`Content-Encoding: gzip`).
    """
    return await answer(request.app.state, Sender(principal, user_agent, key), batch)


async def answer(state: State, sender: Sender, batch: Actions | BatchStruct) -> Response:
    """Collect a batch and return the outcomes; `state` is the application's.

    Raises:
        ConsentUnknown: a browser's batch does not say whether the user consents.
        NothingAccepted: every action is refused.
        CollectorUnavailable: some were not acknowledged.
    """
    consent = batch.consent if isinstance(batch, Actions) else structs.consent(batch)
    if consent is None and not sender.is_service:
        fault = Fault(field="body.consent", message="Field required: what the user answered")
        raise ConsentUnknown("Nothing is recorded of whom nobody has asked.", errors=[fault])
    if consent is False:
        return _answer(0, [collector.Result(index, ActionStatus.WITHHELD) for index in range(len(batch.actions))])
    sent_at = batch.sent_at if isinstance(batch, Actions) else structs.sent_at(batch)
    results = await collector.collect(state.producer, state.external_ids, state.speeds, sender, batch.actions, sent_at)
    accepted = sum(result.status is ActionStatus.ACCEPTED for result in results)
    if not accepted:
        faults = [
            Fault(field=f"body.actions.{result.index}.{error['field']}".rstrip("."), message=error["message"])
            for result in results
            for error in result.errors
        ]
        raise NothingAccepted("None of the actions can be recorded.", errors=faults[:MAX_FAULTS])
    return _answer(accepted, results)


def _answer(accepted: int, results: list[collector.Result]) -> Response:
    """`ActionResults` as JSON; FastAPI would validate each of them again."""
    body = msgspec.json.encode({"accepted": accepted, "results": results})
    return Response(body, status_code=202, media_type="application/json")


@router.post("/v1/order-events", status_code=202, dependencies=[service_policy("importer")], responses=problems(503))
async def record_order_events(body: ShopOrderEvents, request: Request) -> Recorded:
    """Tell of orders of a shop's own order system; responds when the broker has acknowledged them all.

    Sent again, or imported as well, an event is recorded once: its type, `externalId`, `returnId` and time identify it.
    """
    return await order_events.record(request.app.state.producer, request.app.state.external_ids, body.events)


@router.get("/v1/users/{userId}/actions", dependencies=[READER])
async def actions(user_id: User, session: Session, cursor: CursorParam = None, limit: LimitParam = 50) -> ActionPage:
    """A user's actions, the latest first."""
    log, after = UserActionLog, decode_cursor(cursor, datetime, int)
    rows = await latest(session, log, log.user_id == user_id, (log.created_at, log.id), after, limit + 1)
    return ActionPage.of(rows, limit, "created_at", "id")


@router.get("/v1/users/{userId}/views", dependencies=[READER])
async def views(user_id: User, session: Session, cursor: CursorParam = None, limit: LimitParam = 50) -> ViewPage:
    """A user's product views, the latest first."""
    log, after = ViewHistory, decode_cursor(cursor, datetime, int)
    rows = await latest(session, log, log.user_id == user_id, (log.viewed_at, log.id), after, limit + 1)
    return ViewPage.of(rows, limit, "viewed_at", "id")
