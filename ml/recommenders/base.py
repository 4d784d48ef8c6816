"""The base of all recommenders: ids, filters, ranking, files. A model implements two hooks."""

import json
from abc import ABC, abstractmethod
from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar, Generic, Self, TypeVar

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray
from pydantic import BaseModel, ConfigDict
from scipy import sparse

from ml import columns as c
from ml.dataset import RECENT_DAYS, Dataset, positions
from ml.recommenders.ranking import MASKED, best, tie_order
from ml.recommenders.side_by_side import side_by_side

BLOCK = 32
"""Users scored together: few enough that memory is reused; mapping new memory costs more than the arithmetic."""

DESCRIPTION = "model.json"


class NotFittedError(ValueError):
    """A model cannot be fitted on this data; others can, popularity always."""


class TooLittleDataError(NotFittedError):
    """There is too little to learn from."""


class TooMuchDataError(NotFittedError):
    """The fit would need an unreasonable amount of memory."""


class RecommenderConfig(BaseModel):
    """Hyper-parameters of a model: declared once, here and in the subclasses, each with its default."""

    model_config = ConfigDict(frozen=True, extra="forbid")


C = TypeVar("C", bound=RecommenderConfig)


class Recommender(ABC, Generic[C]):
    """A model that ranks items for users.

    A subclass sets `config_type` and implements `_fit`, which stores what it learned in attributes, and `_score`.
    """

    name: ClassVar[str]
    config_type: ClassVar[type[RecommenderConfig]]
    kinds: ClassVar[dict[str, type["Recommender[Any]"]]] = {}
    """All models by name."""
    minimum_users: ClassVar[int] = 2

    config: C
    users: NDArray[np.str_]
    items: NDArray[np.int64]
    is_available: NDArray[np.bool_]
    seen: sparse.csr_array[np.float32]
    unwanted: sparse.csr_array[np.bool_]
    kept_share: NDArray[np.float32]
    fallback: NDArray[np.float32]
    order: NDArray[np.int64]

    def __init__(self, config: C | None = None) -> None:
        self.config = config if config is not None else self.config_type()  # type: ignore[assignment] # C's own type

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        Recommender.kinds[cls.name] = cls

    @abstractmethod
    def _fit(self, dataset: Dataset) -> None:
        """Learn, and store what scoring needs in attributes, as numpy or sparse arrays."""

    @abstractmethod
    def _score(self, users: NDArray[np.int64]) -> NDArray[np.float32]:
        """Score all items for known users given by position; a new array, shape (len(users), items)."""

    def fit(self, dataset: Dataset, popular_days: float = RECENT_DAYS) -> Self:
        """Learn from a dataset; the same data and configuration give the same lists whatever the order of rows.

        Args:
            dataset: The training data.
            popular_days: Popularity counts the baskets of this many last days; it breaks ties and serves unknown users.

        Raises:
            TooLittleDataError: There is nothing to learn from.
        """
        if len(dataset.users) < self.minimum_users:
            raise TooLittleDataError(
                f"{self.name} needs {self.minimum_users} users with purchases, not {len(dataset.users)}"
            )
        self.users, self.items, self.is_available = dataset.users, dataset.item_ids, dataset.is_available
        self.seen = dataset.counts
        self.unwanted, self.kept_share = dataset.returns.unwanted, dataset.returns.kept_share
        self.fallback = dataset.popularity(popular_days)  # for users unknown to the model
        self.order = tie_order(self.items, self.fallback, dataset.popularity())
        self._fit(dataset)
        return self

    def recommend(
        self,
        users: Iterable[str] | None = None,
        k: int = 10,
        *,
        exclude_seen: bool = False,
        candidates: ArrayLike | None = None,
    ) -> pl.DataFrame:
        """Rank items for users.

        Args:
            users: User ids; default: all known ones. An unknown user gets popular items.
            k: Maximum length of each list.
            exclude_seen: Leave out items that the user has bought.
            candidates: The product ids that may be returned; default: every available item.

        Returns:
            `user_id, product_id, score, rank` (rank from 1), in the order of users, best first. Unavailable items are
            never returned, nor is what the user sent back and never kept, and a list is shorter than k only if there
            are not enough items. A score counts as much as the item's sales are expected to be kept.

        Raises:
            NonFiniteScoreError: The model returned NaN.
        """
        ids = self.users if users is None else np.array(list(users), dtype=np.str_)
        order = self.allowed(candidates)
        known = positions(ids, self.users)

        def rank(start: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
            return best(self._scores(known[start : start + BLOCK], exclude_seen=exclude_seen), order, k)

        return self._frame(ids, side_by_side(rank, range(0, len(ids), BLOCK)))

    def allowed(self, candidates: ArrayLike | None = None) -> NDArray[np.int64]:
        """Positions of the items that may be returned, in the order that breaks ties."""
        allowed = self.is_available
        if candidates is not None:
            allowed = allowed & np.isin(self.items, np.asarray(candidates, dtype=np.int64))
        return self.order[allowed[self.order]]

    def _scores(self, known: NDArray[np.int64], *, exclude_seen: bool) -> NDArray[np.float32]:
        if (known >= 0).all():
            scores = self._score(known)
        else:
            scores = np.tile(self.fallback, (len(known), 1))
            scores[known >= 0] = self._score(known[known >= 0])
        if (self.kept_share < 1).any():
            np.multiply(scores, self.kept_share, out=scores, where=scores > 0)
        rows = np.flatnonzero(known >= 0)
        for masked in (self.seen, self.unwanted) if exclude_seen else (self.unwanted,):
            row, item = masked[known[rows]].nonzero()
            scores[rows[row], item] = MASKED
        return scores

    def _frame(
        self, ids: NDArray[np.str_], blocks: list[tuple[NDArray[np.int64], NDArray[np.float32]]]
    ) -> pl.DataFrame:
        if not blocks:
            blocks = [(np.empty((0, 0), np.int64), np.empty((0, 0), np.float32))]
        position = np.concatenate([block[0] for block in blocks])
        score = np.concatenate([block[1] for block in blocks])
        row, rank = np.nonzero(position >= 0)
        return pl.DataFrame(
            {
                c.USER: pl.Series(ids[row], dtype=pl.String),
                c.ITEM: self.items[position[row, rank]],
                c.SCORE: score[row, rank],
                c.RANK: (rank + 1).astype(np.int32),
            }
        )

    def save(self, directory: Path) -> None:
        """Write the fitted model as JSON and numpy files, no pickle, into a directory that must not exist."""
        directory.mkdir(parents=True)
        stated = {"name": self.name, "config": self.config.model_dump(mode="json")}
        (directory / DESCRIPTION).write_text(json.dumps(stated))
        for name, value in vars(self).items():
            if isinstance(value, sparse.csr_array):
                sparse.save_npz(directory / f"{name}.npz", value, compressed=False)
            elif isinstance(value, np.ndarray):
                np.save(directory / f"{name}.npy", value, allow_pickle=False)

    @staticmethod
    def load(directory: Path) -> "Recommender[Any]":
        """Load a saved model; it gives the same results."""
        stated = json.loads((directory / DESCRIPTION).read_text())
        kind = Recommender.kinds[stated["name"]]
        model = kind._from_directory(  # noqa: SLF001 # its own class
            kind.config_type.model_validate(stated["config"]), directory
        )
        for file in directory.glob("*.npy"):
            setattr(model, file.stem, np.load(file, allow_pickle=False))
        for file in directory.glob("*.npz"):
            setattr(model, file.stem, sparse.load_npz(file))
        return model

    @classmethod
    def _from_directory(cls, config: C, directory: Path) -> Self:  # noqa: ARG003 # a blend has its parts there
        return cls(config)
