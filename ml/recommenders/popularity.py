"""Recent purchases of all users."""

import numpy as np
from numpy.typing import NDArray
from pydantic import PositiveFloat

from ml.dataset import RECENT_DAYS, Dataset
from ml.recommenders.base import Recommender, RecommenderConfig


class PopularityConfig(RecommenderConfig):
    """Configuration of `Popularity`.

    Attributes:
        days: Window before the cut whose baskets are counted.
    """

    days: PositiveFloat = RECENT_DAYS


class Popularity(Recommender[PopularityConfig]):
    """Baskets with an item in a recent window: the baseline that every model must beat, and the fallback."""

    name = "popularity"
    config_type = PopularityConfig
    minimum_users = 0
    popularity: NDArray[np.float32]

    def _fit(self, dataset: Dataset) -> None:
        self.popularity = dataset.popularity(self.config.days)

    def _score(self, users: NDArray[np.int64]) -> NDArray[np.float32]:
        return np.tile(self.popularity, (len(users), 1))
