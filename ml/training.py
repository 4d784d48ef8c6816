"""One configuration for all models, and fitting them."""

import time
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, ConfigDict

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
    PersonalConfig,
    PersonalFrequency,
    Popularity,
    PopularityConfig,
    Recommender,
    TifuKNN,
    TifuKNNConfig,
    TooLittleDataError,
)

SINGLE: dict[str, type[Recommender[Any]]] = {
    kind.name: kind for kind in (Popularity, PersonalFrequency, TifuKNN, ItemKNN, EASE, ALS, ContentBased)
}
"""Models that stand alone, by name, in the order in which they are fitted."""
BLENDS = ("discover", "repurchase")


class TrainingConfig(BaseModel):
    """Hyper-parameters of everything that is trained: what a gate compares, and a bundle states.

    Attributes:
        discover: What is shown as new. On validation .0509 NDCG@10 against .0493 of EASE alone.
        repurchase: What is shown to be bought again, and mixed with all else; .4085 in `all` against .4049 of TIFU-kNN.
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


@dataclass(frozen=True)
class Fitted:
    """Models by name; why others are missing; and what each took, in seconds."""

    models: dict[str, Recommender[Any]] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)


def fit_all(dataset: Dataset, config: TrainingConfig, only: Collection[str] | None = None) -> Fitted:
    """Fit all models, each once: blends are made of the single ones.

    Args:
        dataset: What to learn from.
        config: The hyper-parameters.
        only: Names of the models wanted; the parts of a wanted blend come with it.

    Returns:
        The models; too little data for one is no error, since popularity can always be fitted: the reason is stated.
    """
    wanted = set(only if only is not None else (*SINGLE, *BLENDS))
    for name in wanted & set(BLENDS):
        wanted |= set(_blend(config, name).weights)
    fitted = Fitted()
    for name, kind in SINGLE.items():
        if name in wanted:
            _add(fitted, name, dataset, kind(getattr(config, name)))
    for name in BLENDS:
        if name in wanted:
            missing = sorted(set(_blend(config, name).weights) - set(fitted.models))
            if missing:
                fitted.skipped[name] = f"its parts {', '.join(missing)} are missing"
            else:
                _add(fitted, name, dataset, Blend(_blend(config, name), fitted.models))
    return fitted


def _blend(config: TrainingConfig, name: str) -> BlendConfig:
    blend: BlendConfig = getattr(config, name)
    return blend


def _add(fitted: Fitted, name: str, dataset: Dataset, model: Recommender[Any]) -> None:
    started = time.perf_counter()
    try:
        fitted.models[name] = model.combine(dataset) if isinstance(model, Blend) else model.fit(dataset)
    except TooLittleDataError as error:
        fitted.skipped[name] = str(error)
    fitted.seconds[name] = time.perf_counter() - started
