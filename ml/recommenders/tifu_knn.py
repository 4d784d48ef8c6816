"""TIFU-kNN (Hu et al. 2020), with cosine neighbours and exponential decay: purchases of the user and similar users."""

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, PositiveFloat, PositiveInt
from scipy.sparse import csr_array, eye_array

from ml.dataset import Dataset
from ml.recommenders.base import Recommender, RecommenderConfig
from ml.recommenders.ranking import best
from ml.recommenders.side_by_side import side_by_side
from ml.recommenders.sparse_math import dense_times, unit_rows

_BLOCK = 512


class TifuKNNConfig(RecommenderConfig):
    """Configuration of `TifuKNN`.

    Attributes:
        decay_days: A basket weighs exp(-age / decay_days) in a profile; 90-180 are equivalent, below 30 is worse.
        neighbours: Number of nearest users; see `TifuKNN`.
        own_share: Weight of the user's own profile; the rest is the neighbours' mean.
    """

    decay_days: PositiveFloat = 120
    neighbours: PositiveInt = 300
    own_share: float = Field(0.7, ge=0, le=1)


class TifuKNN(Recommender[TifuKNNConfig]):
    """own_share x own profile + (1 - own_share) x mean profile of the nearest users by cosine.

    A user without a common product is no neighbour. The mean profile of all users stands for missing neighbours: what
    is bought often, not what an arbitrary stranger bought.
    """

    name = "tifu_knn"
    config_type = TifuKNNConfig
    profiles_transposed: csr_array[np.float32]
    mixing: csr_array[np.float32]
    everyone: NDArray[np.float32]
    missing: NDArray[np.float32]

    def _fit(self, dataset: Dataset) -> None:
        profiles = unit_rows(dataset.decayed(self.config.decay_days))
        self.profiles_transposed = profiles.T.tocsr()
        self.everyone = np.asarray(profiles.mean(axis=0), dtype=np.float32)
        own = eye_array(len(dataset.users), dtype=np.float32) * np.float32(self.config.own_share)
        neighbourhood = self._neighbourhood(profiles) * np.float32(1 - self.config.own_share)
        self.missing = np.float32(1 - self.config.own_share) - neighbourhood.sum(axis=1)
        self.mixing = csr_array(own + neighbourhood)

    def _neighbourhood(self, profiles: csr_array[np.float32]) -> csr_array[np.float32]:
        """Each neighbour's weight, 1/k; a row sums to less than 1 where fewer than k users have a common product."""
        n_users = profiles.shape[0]
        k = min(self.config.neighbours, n_users - 1)
        nearest = np.empty((n_users, k), dtype=np.int32)
        is_alike = np.empty((n_users, k), dtype=np.bool_)
        everybody = np.arange(n_users)

        def find(start: int) -> None:
            block = everybody[start : start + _BLOCK]
            likeness = (profiles[block] @ self.profiles_transposed).toarray()
            likeness[np.arange(len(block)), block] = -1  # nobody is their own neighbour
            nearest[block], scores = best(likeness, everybody, k)
            is_alike[block] = scores > 0

        side_by_side(find, range(0, n_users, _BLOCK))
        starts = np.concatenate([[0], np.cumsum(is_alike.sum(axis=1))])
        weights = np.full(starts[-1], 1 / max(k, 1), dtype=np.float32)
        return csr_array((weights, nearest[is_alike], starts), shape=(n_users, n_users))

    def _score(self, users: NDArray[np.int64]) -> NDArray[np.float32]:
        scores = dense_times(self.mixing[users].toarray(), self.profiles_transposed)
        return scores + self.missing[users, None] * self.everyone
