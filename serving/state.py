"""The bundle in use: held in memory, swapped when `champion.json` names another, kept if that one is invalid."""

import asyncio
import gc
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from prometheus_client import Counter

from ml.bundle.bundle import CHAMPION, Bundle, BundleError, Champion
from ml.bundle.files import read_manifest
from ml.shelves.catalogue import Catalogue
from ml.shelves.composing import RankingCache, Rules
from ml.shelves.session import LiveState, activity_of
from services.common.runtime.worker import Worker, pause

logger = logging.getLogger(__name__)

REFUSED: Final = Counter("tanawari_bundles_refused", "Bundles that were not served.", ["reason"])
SWAPPED: Final = Counter("tanawari_bundles_swapped", "Bundles that were taken into use.")


@dataclass(frozen=True)
class Model:
    """A bundle in use, with the current products, the user states at its data cut, and derived data."""

    bundle: Bundle
    catalogue: Catalogue
    activity: dict[str, LiveState]
    loaded_at: datetime
    ranking_cache: RankingCache = field(default_factory=RankingCache)

    @classmethod
    def load(cls, directory: Path, rules: Rules) -> "Model":
        """Open and verify a bundle, and build in advance what the first request would wait for.

        Raises:
            BundleError: the bundle must not be served.
        """
        bundle = Bundle.open(directory, rules.candidate_sources())
        model = cls(bundle, Catalogue(bundle), activity_of(bundle), datetime.now(UTC))
        _ = bundle.user_rows, bundle.popular, bundle.popular_by_category
        return model

    @property
    def version(self) -> str:
        """The bundle's id."""
        return self.bundle.manifest.bundle


@dataclass(frozen=True)
class Refusal:
    """A refused bundle, with the reason."""

    bundle: str
    reason: str
    detail: str
    refused_at: datetime


class Models(Worker):
    """Watches `champion.json`; `current` is replaced in one step, so every request sees one complete model.

    `since` is the older data cut of the bundle in use and the previous one, in seconds since 1970 UTC: a follower that
    starts there also has what a rollback needs. `champion` is what the file names, even while its bundle is loading or
    after it was refused. `generation` is that of the bundle in use. `prepare` updates a new bundle's products in the
    thread that loads it; the function it returns applies the rest.
    """

    name = "models"

    def __init__(self, bundles: Path, rules: Rules, *, watch_seconds: float = 0.5) -> None:
        super().__init__()
        self._bundles = bundles
        self._rules = rules
        self._watch_seconds = watch_seconds
        self._seen: tuple[int, int] | None = None
        self.prepare: Callable[[Catalogue], Callable[[], None]] = lambda _catalogue: lambda: None
        self.champion: Champion | None = None
        self.generation: str | None = None
        self.current: Model | None = None
        self.refusal: Refusal | None = None
        self.since = 0.0

    @property
    def is_champion_served(self) -> bool:
        """Whether the bundle in use is the one that `champion.json` names."""
        return self.current is not None and self.refusal is None

    @property
    def catalogue(self) -> Catalogue | None:
        """The products of the bundle in use."""
        return self.current.catalogue if self.current else None

    async def check(self) -> None:
        """Raise unless the champion's bundle is in use."""
        if not self.is_champion_served:
            raise LookupError("the champion's bundle is not in use")

    async def run(self, stop: asyncio.Event) -> None:
        """Check for a new champion until `stop`."""
        while not stop.is_set():
            await self.refresh()
            self.heartbeat()
            await pause(stop, self._watch_seconds)

    async def refresh(self) -> None:
        """Load the champion if the file is new; if that fails, record why and keep the current bundle."""
        seen = self._stamp()
        if seen == self._seen:
            return
        try:
            champion = Champion.read(self._bundles)
        except BundleError as error:
            self._refuse(CHAMPION, error)
        else:
            if champion is not None:
                await self._take_first(champion)
        self._seen = seen  # only now: a failure of the machine is retried

    async def _take_first(self, champion: Champion) -> None:
        self.champion = champion
        names = [champion.bundle]
        if self.current is None and champion.previous:
            names.append(champion.previous)
        for name in names:
            if await self._take(name):
                break

    async def _take(self, name: str) -> bool:
        if self.current is None or self.current.version != name:
            try:
                model, finish = await asyncio.to_thread(self._load, name)
            except BundleError as error:
                self._refuse(name, error)
                return False
            self.since = self._earliest_cut(model)
            finish()
            self.current, self.generation = model, None
            gc.freeze()  # not garbage: keep the collector from scanning a hundred thousand products
            SWAPPED.inc()
            logger.info("bundle %s is in use, with data up to %s", name, model.bundle.manifest.data_cut.isoformat())
        if self.champion is not None and name == self.champion.bundle:
            self.generation, self.refusal = self.champion.generation, None
        return True

    def _load(self, name: str) -> tuple[Model, Callable[[], None]]:
        model = Model.load(self._bundles / name, self._rules)
        finish = self.prepare(model.catalogue)
        _ = model.catalogue.offers
        return model, finish

    def _earliest_cut(self, model: Model) -> float:
        cuts = [model.bundle.manifest.data_cut]
        if self.champion is not None and self.champion.previous:
            try:
                cuts.append(read_manifest(self._bundles / self.champion.previous).data_cut)
            except BundleError:
                logger.info("the previous bundle, %s, is missing: no rollback to it", self.champion.previous)
        return min(cuts).timestamp()

    def _refuse(self, name: str, error: BundleError) -> None:
        self.refusal = Refusal(name, error.reason, str(error), datetime.now(UTC))
        REFUSED.labels(error.reason).inc()
        logger.error("bundle %s is refused: %s: %s", name, error.reason, error)

    def _stamp(self) -> tuple[int, int] | None:
        try:
            status = (self._bundles / CHAMPION).stat()
        except FileNotFoundError:
            return None
        return status.st_mtime_ns, status.st_ino
