"""The user's repeat purchases."""

import numpy as np
from numpy.typing import NDArray
from pydantic import PositiveFloat
from scipy.sparse import csr_array

from ml.dataset import Dataset
from ml.recommenders.base import Recommender, RecommenderConfig


class PersonalConfig(RecommenderConfig):
    """Configuration of `PersonalFrequency`.

    Attributes:
        decay_days: A basket weighs exp(-age / decay_days).
    """

    decay_days: PositiveFloat = 120


class PersonalFrequency(Recommender[PersonalConfig]):
    """The user's own baskets with an item, weighted by recency; other items follow by popularity."""

    name = "personal"
    config_type = PersonalConfig
    weights: csr_array[np.float32]

    def _fit(self, dataset: Dataset) -> None:
        self.weights = dataset.decayed(self.config.decay_days)

    def _score(self, users: NDArray[np.int64]) -> NDArray[np.float32]:
        return self.weights[users].toarray()
