"""Events since the bundle was built: every worker follows the topics itself, with a short delay."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from math import inf
from typing import Final, TypeVar

from aiokafka import ConsumerRecord
from prometheus_client import Counter

from ml.shelves.catalogue import Catalogue
from ml.shelves.session import LiveState
from services.common.messaging.follower import Follower
from services.common.runtime.settings import ServiceSettings
from services.common.runtime.worker import pause
from serving.events import BEHAVIOUR, CATALOGUE, KIND_OF, Behaviour, FollowedEvent
from serving.people import People, Stretch, Wishes
from serving.products import Products
from serving.state import Model, Models

logger = logging.getLogger(__name__)
T = TypeVar("T")

TOPICS: Final = ("auth.v1", "profile.v1", "user-actions.v1", "order.v1", "catalog.v1")
ABOUT_PEOPLE: Final = frozenset({"USER_AUTHENTICATED", "USER_DELETE", "USER_DELETED", "USER_PROFILE_UPDATED"})
"""Events that count whenever they happened: a bundle tells of none, and one that comes late may be from before it."""
OVERLAP_SECONDS: Final = 600.0
"""Events from shortly before the data cut may have landed after it; applying one twice has no effect."""
MAX_SHOPPERS: Final = 200_000
NOTHING: Final = LiveState()
"""The shared state of users without recent actions; it never changes."""
SKIPPED: Final = Counter("tanawari_live_records_skipped", "Followed records that could not be read.", ["topic"])


class Live:
    """The state of each user with actions since the data cut, who the users are, and the current products."""

    def __init__(self, models: Models, products: Products) -> None:
        self._models = models
        self._products = products
        self._lately: dict[str, LiveState] = {}
        self._states: dict[str, tuple[object, LiveState]] = {}
        self.people = People()
        models.prepare = self._prepare

    @property
    def since(self) -> float:
        """Start of the events to apply, in seconds since 1970 UTC: older ones are in the bundle."""
        return self._models.since - OVERLAP_SECONDS

    def state(self, user_id: str) -> LiveState:
        """The user's recent actions: those in the current bundle, and those after its data cut.

        What a visitor did is of the user who then logged in, and no longer of the visitor.
        """
        model = self._models.current
        if model is None or not self.people.has_own_shelves(user_id):
            return NOTHING
        last_login, stretches = self.people.last_login(user_id), self.people.stretches(user_id)
        lately = [self._lately.get(each) for each in (user_id, *(stretch.visitor_id for stretch in stretches))]
        if last_login == -inf and lately == [None]:
            return model.activity.get(user_id, NOTHING)
        made_of = last_login, stretches, [(each, each.changes if each else 0) for each in lately]
        known, state = self._states.get(user_id, (None, NOTHING))
        if known != made_of:
            own = Stretch(user_id, last_login, inf)
            state = self._composed(model, own, stretches)
            _put_last(self._states, user_id, (made_of, state))
        return state

    def _composed(self, model: Model, own: Stretch, stretches: Iterable[Stretch]) -> LiveState:
        moment = model.bundle.manifest.data_cut.timestamp() - OVERLAP_SECONDS
        if own.after == -inf:
            begun = model.activity.get(own.visitor_id, NOTHING)
            state = self._lately.get(own.visitor_id, NOTHING).since(moment, begun)
        else:
            state, stretches = LiveState(), [own]
        for visitor_id, after, until in stretches:
            state.take(model.activity.get(visitor_id, NOTHING), after, until)
            state.take(self._lately.get(visitor_id, NOTHING), max(after, moment), until)
        return state

    @property
    def shoppers(self) -> int:
        """The number of users with actions since the data cut."""
        return len(self._lately)

    def apply(self, records: Sequence[ConsumerRecord]) -> None:
        """Apply records of the topics; those older than the data cut are in the bundle and are skipped."""
        model = self._models.current
        assert model is not None, "the follower waits for a model"
        since = self.since
        for record in records:
            if record.timestamp < since * 1000:  # an event is never sent before it happened
                continue
            try:
                if record.topic == "catalog.v1":
                    self._apply_change(record.value, model, since)
                else:
                    self._apply_behaviour(BEHAVIOUR.decode(record.value), since)
            except Exception as error:  # noqa: BLE001 - one bad record must not stop the others
                SKIPPED.labels(record.topic).inc()
                place = (record.topic, record.partition, record.offset)
                logger.info("skipped %s/%s/%s: %s", *place, type(error).__name__)

    def apply_landed(self, events: Iterable[bytes]) -> None:
        """Apply landed rows like records of the topics."""
        for event in events:
            try:
                self._apply_behaviour(BEHAVIOUR.decode(event), self.since)
            except Exception as error:  # noqa: BLE001 - likewise
                SKIPPED.labels("landed").inc()
                logger.info("skipped a landed row: %s", type(error).__name__)

    def forget(self, user_ids: Iterable[str]) -> None:
        """Treat these users as unknown from now on, even if the bundle contains them."""
        for user_id in user_ids:
            self.people.forget([user_id])
            self._lately.pop(user_id, None)
            self._states.pop(user_id, None)

    def _apply_change(self, value: bytes, model: Model, since: float) -> None:
        event = CATALOGUE.decode(value)
        if event.timestamp.timestamp() >= since:
            self._products.apply(event.event_type, event.data, model.catalogue)

    def _apply_behaviour(self, event: FollowedEvent[Behaviour], since: float) -> None:
        at, data = event.timestamp.timestamp(), event.data
        if event.event_type in ABOUT_PEOPLE:
            self._apply_to_people(event.event_type, at, data)
        if at < since or self.people.is_forgotten(data.user_id):
            return
        match event.event_type:
            case "ORDER_COMPLETED" if data.order_id is not None:
                self._own(data.user_id).order(data.order_id, at, data.quantities())
            case "ORDER_CANCELLED" if data.order_id is not None:
                self._own(data.user_id).cancel(data.order_id, at)
            case "RETURN_COMPLETED" if data.order_id is not None and data.return_id is not None:
                self._own(data.user_id).take_back(data.order_id, data.return_id, at, data.quantities())
            case "CART_UPDATE" if data.quantity == 0:
                self._own(data.user_id).apply("UNCART", data.product_id or 0, at)
            case event_type if event_type in KIND_OF and data.product_id is not None:
                self._own(data.user_id).apply(KIND_OF[event_type], data.product_id, at)

    def _apply_to_people(self, event_type: str, at: float, data: Behaviour) -> None:
        match event_type:
            case "USER_AUTHENTICATED" if data.visitor_id is not None:  # of a deleted one too: it is nobody else's
                self.people.log_in(data.visitor_id, data.user_id, at)
            case "USER_DELETE" | "USER_DELETED":
                self.forget([data.user_id])
            case "USER_PROFILE_UPDATED":
                opted_out = frozenset(data.opted_out_shelves)
                self.people.wish(data.user_id, Wishes(data.profile_version, data.personalisation_consent, opted_out))

    def _own(self, user_id: str) -> LiveState:
        """The user's state; users that were inactive longest are evicted first."""
        state = self._lately.get(user_id) or LiveState()
        _put_last(self._lately, user_id, state)
        return state

    def _prepare(self, catalogue: Catalogue) -> Callable[[], None]:
        """Update a new bundle's catalogue; at the swap apply the rest, and rebuild the user states."""
        finish_products = self._products.bring_up(catalogue)

        def finish() -> None:
            finish_products()
            self._states.clear()

        return finish


def _put_last(kept: dict[str, T], user_id: str, value: T) -> None:
    """Put a value behind all others; beyond `MAX_SHOPPERS` the first one is evicted."""
    kept.pop(user_id, None)
    kept[user_id] = value
    if len(kept) > MAX_SHOPPERS:
        del kept[next(iter(kept))]


class LiveFollower(Follower):
    """Follows the topics once there is a bundle."""

    name = "live"

    def __init__(self, settings: ServiceSettings, models: Models, live: Live) -> None:
        super().__init__(settings, topics=TOPICS, handle=live.apply, since=lambda: live.since)
        self._models = models

    async def run(self, stop: asyncio.Event) -> None:
        """Wait for the first model, then follow until `stop`."""
        while self._models.current is None and not stop.is_set():
            self.heartbeat()
            await pause(stop, 0.2)
        if not stop.is_set():
            await super().run(stop)
