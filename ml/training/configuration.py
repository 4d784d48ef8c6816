"""One configuration for all models, and their fitting."""

import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Self

from pydantic import BaseModel, ConfigDict, field_validator

from ml import columns as c
from ml.dataset import Dataset
from ml.recommenders import (
    ALS,
    EASE,
    ALSConfig,
    Blend,
    BlendConfig,
    ContentBased,
    ContentConfig,
    EASEConfig,
    ItemKNN,
    ItemKNNConfig,
    NotFittedError,
    PersonalConfig,
    PersonalFrequency,
    Popularity,
    PopularityConfig,
    Recommender,
    TifuKNN,
    TifuKNNConfig,
)

SINGLE: dict[str, type[Recommender[Any]]] = {
    kind.name: kind for kind in (Popularity, PersonalFrequency, TifuKNN, ItemKNN, EASE, ALS, ContentBased)
}
"""Single models by name, in fitting order."""
BLENDS = c.LEARNT_SOURCES


class TrainingConfig(BaseModel):
    """Hyper-parameters of all models: the gate compares them, and a bundle records them.

    Attributes:
        discover: The blend for new items. On validation .0509 NDCG@10 against .0493 of EASE alone.
        repurchase: The blend for repeat purchases, mixed with other lists; .4085 in `all` against .4049 of TIFU-kNN.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    popularity: PopularityConfig = PopularityConfig()
    personal: PersonalConfig = PersonalConfig()
    tifu_knn: TifuKNNConfig = TifuKNNConfig()
    item_knn: ItemKNNConfig = ItemKNNConfig()
    ease: EASEConfig = EASEConfig()
    als: ALSConfig = ALSConfig()
    content: ContentConfig = ContentConfig()
    discover: BlendConfig = BlendConfig(weights={"ease": 1, "als": 0.5, "item_knn": 0.5}, new_only=True)
    repurchase: BlendConfig = BlendConfig(weights={"tifu_knn": 1, "ease": 0.3})

    @field_validator(*BLENDS)
    @classmethod
    def _is_made_of_models(cls, blend: BlendConfig) -> BlendConfig:
        if unknown := sorted(set(blend.weights) - set(SINGLE)):
            raise ValueError(f"there is no model {', '.join(unknown)}")
        return blend

    def changed(self, changes: Mapping[str, Any]) -> Self:
        """A copy with some parameters changed, by model, such as `{"als": {"factors": 64}}`.

        Raises:
            ValidationError: a model or parameter is unknown, or a value is not allowed.
        """
        mine = self.model_dump()
        merged = {
            name: mine.get(name, {}) | given if isinstance(given, dict) else given for name, given in changes.items()
        }
        return self.model_validate(mine | merged)


POPULARITY: Final = TrainingConfig(
    discover=BlendConfig(weights={"popularity": 1}, new_only=True), repurchase=BlendConfig(weights={"popularity": 1})
)
"""The configuration for a shop without proven models."""
POPULARITY_MODELS: Final = (*BLENDS, "item_knn", "content")
"""The models of a `POPULARITY` bundle: popularity, and similar products, which are counts and not predictions."""


@dataclass(frozen=True)
class Fitted:
    """Models by name, those left out with the reason, and the seconds of each."""

    models: dict[str, Recommender[Any]] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)


def fit_all(dataset: Dataset, config: TrainingConfig, only: Collection[str] | None = None) -> Fitted:
    """Fit all models, each once: blends combine the single ones.

    Args:
        dataset: The training data.
        config: The hyper-parameters.
        only: Names of the requested models; the parts of a requested blend are included.

    Returns:
        The models. Too little data for one is not an error, because popularity can always be fitted: the reason is
        recorded. A blend combines those of its parts that could be fitted.
    """
    wanted = set(only if only is not None else (*SINGLE, *BLENDS))
    for name in wanted & set(BLENDS):
        wanted |= set(_blend(config, name).weights)
    fitted = Fitted()
    for name, kind in SINGLE.items():
        if name in wanted:
            _add(fitted, name, dataset, kind(getattr(config, name)), config)
    for name in BLENDS:
        if name in wanted:
            asked = _blend(config, name)
            weights = {part: weight for part, weight in asked.weights.items() if part in fitted.models}
            if missing := sorted(set(asked.weights) - set(weights)):
                fitted.skipped[name] = f"its parts {', '.join(missing)} are missing"
            if weights:
                made_of = asked.model_copy(update={"weights": weights})
                _add(fitted, name, dataset, Blend(made_of, fitted.models), config)
    return fitted


def _blend(config: TrainingConfig, name: str) -> BlendConfig:
    blend: BlendConfig = getattr(config, name)
    return blend


def _add(fitted: Fitted, name: str, dataset: Dataset, model: Recommender[Any], config: TrainingConfig) -> None:
    started, days = time.perf_counter(), config.popularity.days
    try:
        fitted.models[name] = model.combine(dataset, days) if isinstance(model, Blend) else model.fit(dataset, days)
    except NotFittedError as error:
        fitted.skipped[name] = str(error)
    fitted.seconds[name] = time.perf_counter() - started
