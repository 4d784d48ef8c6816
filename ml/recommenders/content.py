"""Content-based: items with descriptions similar to the user's purchases. Only it scores items without purchases."""

from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray
from pydantic import PositiveFloat, PositiveInt
from scipy.sparse import csr_array
from sklearn.feature_extraction.text import TfidfVectorizer

from ml import columns as c
from ml.dataset import Dataset
from ml.recommenders.base import Recommender, RecommenderConfig
from ml.recommenders.neighbours import NEIGHBOURS, nearest
from ml.recommenders.ranking import MASKED, best
from ml.recommenders.side_by_side import side_by_side
from ml.recommenders.sparse_math import dense_times, unit_rows

_BLOCK = 256


class ContentConfig(RecommenderConfig):
    """Configuration of `ContentBased`.

    Attributes:
        decay_days: A basket weighs exp(-age / decay_days), then log1p of the sum.
        price_bands: Prices are cut into this many bands within each category.
        neighbours: How many similar items are kept for each item.
    """

    decay_days: PositiveFloat = 120
    price_bands: PositiveInt = 4
    neighbours: PositiveInt = NEIGHBOURS


class ContentBased(Recommender[ContentConfig]):
    """TF-IDF over department, category, type (whole and by word), brand, price band; score = cosine to the profile."""

    name = "content"
    config_type = ContentConfig
    vectors: csr_array[np.float32]
    profiles: csr_array[np.float32]
    categories: NDArray[np.uint32]

    def _fit(self, dataset: Dataset) -> None:
        self.vectors = csr_array(np.zeros((0, 0), np.float32))
        if len(dataset.items):
            vectoriser = TfidfVectorizer(analyzer=list, dtype=np.float32)  # `_terms` has already split the terms
            self.vectors = csr_array(vectoriser.fit_transform(_terms(dataset.items, self.config.price_bands)))
        self.profiles = unit_rows(csr_array(dataset.decayed(self.config.decay_days).log1p() @ self.vectors))
        self.categories = dataset.items.select(pl.struct(c.DEPARTMENT, c.CATEGORY).rank("dense")).to_series().to_numpy()
        vars(self).pop("neighbours", None)  # those of a fit before this one

    def _score(self, users: NDArray[np.int64]) -> NDArray[np.float32]:
        return dense_times(self.profiles[users].toarray(), self.vectors)

    def similar(self, k: int, items: ArrayLike | None = None) -> pl.DataFrame:
        """The items with the most similar descriptions in the category, see `neighbours.nearest`."""
        return nearest(self.neighbours, self.items, self.allowed(), self.kept_share, k, items)

    @cached_property
    def neighbours(self) -> csr_array[np.float32]:
        """Nearest items within the category: all pairs of the catalogue would take minutes for similar lists.

        They take longer than the rest of the model, and only lists of similar items use them.
        """
        group_of = self.categories[self.order]
        members = self.order[np.argsort(group_of, kind="stable")]  # by category, then in tie order
        groups = np.split(members, np.flatnonzero(np.diff(np.sort(group_of))) + 1)
        found = side_by_side(self._neighbours_within, groups)
        item, neighbour, score = np.concatenate([np.empty((3, 0)), *found], axis=1)
        pairs = (score.astype(np.float32).clip(max=1), (item.astype(np.int32), neighbour.astype(np.int32)))
        return csr_array(pairs, shape=(len(self.items), len(self.items)))

    def _neighbours_within(self, group: NDArray[np.int64]) -> NDArray[np.float64]:
        """Rows of item, neighbour and score."""
        found = [np.empty((3, 0))]
        vectors, available = self.vectors[group], np.flatnonzero(self.is_available[group])
        for start in range(0, len(group), _BLOCK):  # a category may be the whole shop
            likeness = (vectors[start : start + _BLOCK] @ vectors.T).toarray()
            np.fill_diagonal(likeness[:, start:], MASKED)
            near, score = best(likeness, available, self.config.neighbours)
            row, rank = np.nonzero(near >= 0)
            found.append(np.stack([group[start + row], group[near[row, rank]], score[row, rank]]))
        return np.concatenate(found, axis=1)


def _terms(items: pl.DataFrame, price_bands: int) -> list[list[str]]:
    """The terms of each item: its place in the tree, the words of its type, brand, and price band in its category."""
    place = pl.concat_str(c.DEPARTMENT, c.CATEGORY, separator=">", ignore_nulls=True)
    band = (
        ((pl.col(c.PRICE).rank() - 0.5) / pl.col(c.PRICE).count() * price_bands).floor().over(c.DEPARTMENT, c.CATEGORY)
    )
    words = pl.col(c.PRODUCT_TYPE).fill_null("").str.to_lowercase().str.extract_all(r"\w+")
    terms = items.select(
        pl.concat_list(
            "department=" + pl.col(c.DEPARTMENT).fill_null(""),
            "category=" + place,
            "type=" + pl.col(c.PRODUCT_TYPE).fill_null(""),
            "brand=" + pl.col(c.BRAND).fill_null(""),
            pl.concat_str(pl.lit("price="), place, band.cast(pl.Int32), separator=":", ignore_nulls=True),
            words,
        )
    )
    return terms.to_series().to_list()
