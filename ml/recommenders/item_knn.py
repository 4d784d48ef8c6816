"""Item-kNN by cosine: items often bought together with the user's items."""

import numpy as np
import polars as pl
from implicit.nearest_neighbours import all_pairs_knn
from numpy.typing import ArrayLike, NDArray
from pydantic import NonNegativeFloat, PositiveFloat, PositiveInt
from scipy.sparse import csr_array, csr_matrix

from ml.dataset import Dataset
from ml.recommenders.base import Recommender, RecommenderConfig
from ml.recommenders.neighbours import nearest
from ml.recommenders.side_by_side import side_by_side
from ml.recommenders.sparse_math import unit_rows

_PAIRS = 200_000
"""Item pairs per block, which limits memory."""


class ItemKNNConfig(RecommenderConfig):
    """Configuration of `ItemKNN`.

    Attributes:
        decay_days: A basket weighs exp(-age / decay_days), then log1p of the sum.
        neighbours: Number of nearest items that vote for an item; on validation 50 was better than 200.
        shrinkage: Makes cosines of rarely bought items smaller, see `unit_rows`.
        least_support: Minimum users who bought both items before they count as bought together. On validation,
            neighbours with less support were bought less than items with similar descriptions: with one common user
            .0007 of the buyers of the one bought the other, with five .0036, by description .0033 to .0038.
    """

    decay_days: PositiveFloat = 180
    neighbours: PositiveInt = 50
    shrinkage: NonNegativeFloat = 3
    least_support: PositiveInt = 5


class ItemKNN(Recommender[ItemKNNConfig]):
    """An item's score: the sum of cosines to its nearest items that the user bought, times the user's weights."""

    name = "item_knn"
    config_type = ItemKNNConfig
    weights: csr_array[np.float32]
    neighbours: csr_array[np.float32]
    votes: csr_array[np.float32]

    def _fit(self, dataset: Dataset) -> None:
        self.weights = dataset.decayed(self.config.decay_days).log1p()
        unit = unit_rows(self.weights.T.tocsr(), self.config.shrinkage).T.astype(np.float64)
        # One more than needed, because the nearest is the item itself. One thread computes each row.
        found = all_pairs_knn(csr_matrix(unit), self.config.neighbours + 1, show_progress=False)
        other = (found.row != found.col) & (found.data > 0)
        pairs = (found.data[other].astype(np.float32).clip(max=1), (found.row[other], found.col[other]))
        self.neighbours = csr_array(pairs, shape=found.shape)
        self.votes = self.neighbours.T.tocsr()

    def _score(self, users: NDArray[np.int64]) -> NDArray[np.float32]:
        return (self.weights[users] @ self.votes).toarray()

    def similar(self, k: int, items: ArrayLike | None = None) -> pl.DataFrame:
        """The items bought by the same users, by enough of them, see `neighbours.nearest`."""
        return nearest(self._supported(), self.items, self.allowed(), self.kept_share, k, items)

    def _supported(self) -> csr_array[np.float32]:
        """The neighbours that at least `least_support` users bought together with the item."""
        buyers = csr_array(self.seen.T.astype(bool).astype(np.int32))
        pairs = self.neighbours.tocoo()

        def count(start: int) -> NDArray[np.integer]:
            block = slice(start, start + _PAIRS)
            counted: NDArray[np.integer] = buyers[pairs.row[block]].multiply(buyers[pairs.col[block]]).sum(axis=1)
            return counted

        together = side_by_side(count, range(0, pairs.nnz, _PAIRS))
        enough = np.concatenate([np.empty(0, np.int32), *together]) >= self.config.least_support
        return csr_array((pairs.data[enough], (pairs.row[enough], pairs.col[enough])), shape=pairs.shape)
