"""Implicit ALS (Hu, Koren and Volinsky 2008) by the library `implicit`, on log weights with strong regularisation."""

import numpy as np
from implicit.als import AlternatingLeastSquares
from implicit.recommender_base import ModelFitError
from numpy.typing import NDArray
from pydantic import PositiveFloat, PositiveInt
from scipy.sparse import csr_matrix
from threadpoolctl import threadpool_limits

from ml.dataset import Dataset
from ml.recommenders.base import Recommender, RecommenderConfig
from ml.recommenders.ranking import NonFiniteScoreError


class ALSConfig(RecommenderConfig):
    """Configuration of `ALS`.

    Attributes:
        factors: Length of the vectors; more help repeats and hurt discovery.
        alpha: Confidence of a purchase is alpha x log1p(decayed baskets); the textbook 40 costs two thirds of accuracy.
        regularisation: Ridge on all factors.
        decay_days: A basket weighs exp(-age / decay_days).
        iterations: Alternations.
        seed: Of the initial factors. Each row is solved independently, so threads do not change the result.
    """

    factors: PositiveInt = 128
    alpha: PositiveFloat = 1
    regularisation: PositiveFloat = 10
    decay_days: PositiveFloat = 90
    iterations: PositiveInt = 10
    seed: int = 7


class ALS(Recommender[ALSConfig]):
    """Users and items as vectors; the score is their dot product."""

    name = "als"
    config_type = ALSConfig
    user_factors: NDArray[np.float32]
    item_factors: NDArray[np.float32]

    def _fit(self, dataset: Dataset) -> None:
        weights = csr_matrix(dataset.decayed(self.config.decay_days).log1p())
        with threadpool_limits(1, "blas"):  # its own threads and those of BLAS would compete for the cores
            model = AlternatingLeastSquares(
                factors=self.config.factors,
                alpha=self.config.alpha,
                regularization=self.config.regularisation,
                iterations=self.config.iterations,
                random_state=self.config.seed,
            )
            try:
                model.fit(weights, show_progress=False)
            except ModelFitError as error:
                raise NonFiniteScoreError(f"als: {error}") from error
        self.user_factors, self.item_factors = model.user_factors, model.item_factors

    def _score(self, users: NDArray[np.int64]) -> NDArray[np.float32]:
        return self.user_factors[users] @ self.item_factors.T
