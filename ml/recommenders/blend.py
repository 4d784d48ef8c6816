"""A weighted sum of other models' scores."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, FiniteFloat

from ml.dataset import RECENT_DAYS, Dataset
from ml.recommenders.base import Recommender, RecommenderConfig

PARTS = "parts"


class BlendConfig(RecommenderConfig):
    """Configuration of `Blend`.

    Attributes:
        weights: Weight of each part by its name; on scores divided by their Euclidean length over the catalogue.
        new_only: Whether the blend is for discovery: scores of bought items are set to 0 before
            normalisation, which they would otherwise dominate.
    """

    weights: Mapping[str, FiniteFloat] = Field(min_length=1)
    new_only: bool = False


class Blend(Recommender[BlendConfig]):
    """A weighted sum of several models' normalised scores."""

    name = "blend"
    config_type = BlendConfig
    parts: Mapping[str, Recommender[Any]]

    def __init__(self, config: BlendConfig, parts: Mapping[str, Recommender[Any]]) -> None:
        super().__init__(config)
        self.parts = {name: parts[name] for name in config.weights}

    def fit(self, dataset: Dataset, popular_days: float = RECENT_DAYS) -> Self:
        """Fit all parts, then combine them."""
        for part in self.parts.values():
            part.fit(dataset, popular_days)
        return self.combine(dataset, popular_days)

    def combine(self, dataset: Dataset, popular_days: float = RECENT_DAYS) -> Self:
        """Blend parts that are already fitted on this dataset."""
        return super().fit(dataset, popular_days)

    def _fit(self, dataset: Dataset) -> None:
        """Nothing to learn: the parts are fitted."""

    def _score(self, users: NDArray[np.int64]) -> NDArray[np.float32]:
        total = np.zeros((len(users), len(self.items)), dtype=np.float32)
        row, item = self.seen[users].nonzero()
        for name, weight in self.config.weights.items():
            scores = self.parts[name]._score(users)  # noqa: SLF001 # a blend is the one caller of the hook besides the base
            if self.config.new_only:
                scores[row, item] = 0
            length = np.sqrt(np.einsum("ui,ui->u", scores, scores))
            scores *= np.divide(np.float32(weight), length, out=np.zeros_like(length), where=length > 0)[:, None]
            total += scores
        return total

    def save(self, directory: Path) -> None:
        """Write the blend, and each part in its own directory."""
        super().save(directory)
        for name, part in self.parts.items():
            part.save(directory / PARTS / name)

    @classmethod
    def _from_directory(cls, config: BlendConfig, directory: Path) -> Self:
        return cls(config, {name: Recommender.load(directory / PARTS / name) for name in config.weights})
