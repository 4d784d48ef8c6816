"""Shelves and similar products from memory, and the versions and warnings behind them."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import uuid_utils

from ml.shelves.catalogue import Product
from ml.shelves.composing import PageQuery, Pick, Rules, Shelf, Shopper, compose
from ml.shelves.purchases import owned
from ml.shelves.session import LiveState
from ml.shelves.similar import similar
from ml.shelves.sources import Visit
from ml.shelves.taste import by_taste
from services.common.runtime.errors import NotFound
from services.common.web.references import CategoryReference, ProductReference
from serving.broker_watch import BrokerWatch
from serving.displays import SaidExperiment
from serving.live import Live, LiveFollower
from serving.start import InitialLoad
from serving.state import Models

NO_MODEL = "NO_MODEL"
CHAMPION_REFUSED = "CHAMPION_REFUSED"
LIVE_CATCHING_UP = "LIVE_CATCHING_UP"
LIVE_PAUSED = "LIVE_PAUSED"
CONTENT_AWAY = "CONTENT_AWAY"
SEPARATOR = "~"


class ProductNotFound(NotFound):
    """The product is neither in the bundle nor in the catalogue's events."""

    title = "Product not found"


class Recommender:
    """The functions of all routes; none of them waits for I/O."""

    def __init__(
        self,
        models: Models,
        live: Live,
        follower: LiveFollower,
        start: Sequence[InitialLoad],
        broker: BrokerWatch,
        rules: Rules,
        zone: ZoneInfo,
    ) -> None:
        self.models = models
        self.live = live
        self.follower = follower
        self.start = start
        self.broker = broker
        self.rules = rules
        self._zone = zone

    def now(self) -> datetime:
        """The time of a response, in the shop's time zone: one for the whole response."""
        return datetime.now(self._zone)

    def shelves(self, user_id: str | None, query: PageQuery, now: datetime) -> list[Shelf]:
        """The shelves of one user; empty while there is no model; `user_id` None: for everyone.

        A user who is deleted or does not consent gets the shelves for everyone, whatever the bundle contains.
        """
        model = self.models.current
        if model is None:
            wanted = [each for each in self.rules.page if query.display_types is None or each in query.display_types]
            return [
                Shelf(each, self.rules.shelves[each].title, [], is_short=True, fallback_used=False) for each in wanted
            ]
        is_own = user_id is not None and self.live.people.has_own_shelves(user_id)
        shopper = Shopper(user_id, self.live.state(user_id)) if user_id and is_own else Shopper(None)
        return compose(model.bundle, model.catalogue, self.rules, shopper, now, query, model.ranking_cache)

    def similar(self, reference: ProductReference, query: PageQuery) -> tuple[list[Pick], bool]:
        """Similar products, and whether the fallback was used; none while there is no model.

        Raises:
            ProductNotFound: the product is unknown or inactive, which nobody can tell apart.
        """
        model = self.models.current
        if model is None:
            return [], False
        item = model.catalogue.index.get(self.product_id(reference) or 0)
        if item is None or not model.catalogue.products[item].is_active:
            raise ProductNotFound(f"There is no product {reference}.")
        moment = self.now().timestamp()
        return similar(model.bundle, model.catalogue, self.rules.reasons, item, query, moment)

    def by_taste(self, user_id: str, product_ids: Sequence[int]) -> list[int] | None:
        """These products in the order of a user's taste; None if there is no model, or nothing known of the user."""
        model = self.models.current
        if model is None or not self.live.people.has_own_shelves(user_id):
            return None
        shopper = Shopper(user_id, self.live.state(user_id))
        return by_taste(Visit(model.bundle, model.catalogue, self.rules, shopper, self.now()), product_ids)

    def knows(self, user_id: str) -> bool:
        """Whether anything is known of a user or visitor: a profile, or something bought or looked at."""
        state, model = self.live.state(user_id), self.models.current
        if self.live.people.has_profile(user_id) or state != LiveState():
            return True
        return model is not None and bool(owned(model.bundle, model.catalogue.index, user_id, {}).items.size)

    def product_id(self, reference: ProductReference | int) -> int | None:
        """The internal id of a product reference, None for an unknown sku."""
        if isinstance(reference, int):
            return reference
        if reference.external_id is None:
            return reference.id
        model = self.models.current
        return model.catalogue.id_of(reference.external_id) if model else None

    def product_ids(self, references: Iterable[ProductReference | int]) -> frozenset[int]:
        """The internal ids of product references, where known."""
        return frozenset(each for each in map(self.product_id, references) if each is not None)

    def category_id(self, reference: CategoryReference) -> int | None:
        """The internal id of a category reference, None for an unknown code."""
        if reference.external_id is None:
            return reference.id
        codes = self.models.current.catalogue.category_codes if self.models.current else {}
        return next((each for each, code in codes.items() if code == reference.external_id), None)

    def product(self, product_id: int | None) -> Product | None:
        """The current state of the product, if known."""
        model = self.models.current
        return model.catalogue.get(product_id) if model and product_id is not None else None

    def may_show(self, product_id: int | None, user_id: str | None) -> bool:
        """Whether the live state allows a product from elsewhere on this user's page."""
        was_bought = user_id is not None and product_id in self.live.state(user_id).bought
        model = self.models.current
        item = model.catalogue.index.get(product_id or 0) if model else None
        return (model is None or item is None or bool(model.catalogue.is_shown[item])) and not was_bought

    def families(self, product_ids: Iterable[int]) -> set[int]:
        """The families of products: their parents, or themselves."""
        model = self.models.current
        return model.catalogue.families_of(product_ids) if model else set(product_ids)

    def circumstances(
        self, user_id: str | None = None, experiment: SaidExperiment | None = None, *, is_content_away: bool
    ) -> dict[str, Any]:
        """The versions behind a response, the arm of its user, if there is one, and whether something was missing."""
        models = self.models
        warnings = [CONTENT_AWAY] if is_content_away else []
        if models.refusal is not None:
            warnings.append(CHAMPION_REFUSED)
        if models.current is None:
            warnings.append(NO_MODEL)
        else:
            warnings += [reading.warning for reading in self.start if not reading.is_complete]
            if not self.follower.has_caught_up:
                warnings.append(LIVE_CATCHING_UP)
        if not self.broker.is_answering:
            warnings.append(LIVE_PAUSED)
        return {
            "modelVersion": models.current.version if models.current else None,
            "rulesVersion": self.rules.version,
            "generation": models.generation,
            "degraded": bool(warnings),
            "warnings": warnings,
            "experiment": self._arm(user_id, experiment),
        }

    def _arm(self, user_id: str | None, experiment: SaidExperiment | None) -> dict[str, str] | None:
        """None also without consent: what such a user does is not compared."""
        if experiment is None or user_id is None or not self.live.people.has_own_shelves(user_id):
            return None
        return {"name": experiment.name, "arm": experiment.arm_of(user_id)}

    def status(self) -> dict[str, Any]:
        """The bundle in use, the champion and the refused bundle: the fields of `ModelStatus`."""
        models, champion = self.models, self.models.champion
        return {
            "champion": champion.bundle if champion else None,
            "previous": champion.previous if champion else None,
            "generation": models.generation,
            "serving": models.current
            and {
                **models.current.bundle.manifest.model_dump(
                    exclude={"files", "format_version", "shelves", "data_hash", "purchase_lines"}
                ),
                "loaded_at": models.current.loaded_at,
            },
            "refused": models.refusal and asdict(models.refusal),
            "rules_version": self.rules.version,
            "live": {
                "is_broker_answering": self.broker.is_answering,
                "has_caught_up": self.follower.has_caught_up,
                "read_at_start": {reading.name: reading.is_complete for reading in self.start},
                "shoppers": self.live.shoppers,
            },
        }


def recommendation_id(circumstances: dict[str, Any]) -> str:
    """A new id that carries the versions behind its response, so that feedback needs no lookup."""
    versions = (circumstances[name] or "" for name in ("modelVersion", "rulesVersion", "generation"))
    arm = (circumstances["experiment"] or {}).values()
    return SEPARATOR.join((str(uuid_utils.uuid7()), *versions, "degraded" if circumstances["degraded"] else "", *arm))


def versions_of(identifier: str) -> dict[str, Any]:
    """The reverse of `recommendation_id`; empty for a foreign id."""
    parts = identifier.split(SEPARATOR)
    if len(parts) not in (5, 7):
        return {}
    _, model, rules, generation, degraded, *arm = parts
    return {
        "model_version": model or None,
        "rules_version": rules or None,
        "generation": generation or None,
        "degraded": bool(degraded),
        **dict(zip(("experiment", "arm"), arm, strict=False)),
    }
