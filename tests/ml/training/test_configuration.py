import polars as pl
import pytest
from pydantic import ValidationError

from ml.dataset import Dataset
from ml.recommenders import ALSConfig, ease
from ml.training.configuration import BLENDS, SINGLE, TrainingConfig, fit_all

CONFIG = TrainingConfig(als=ALSConfig(factors=2))


def test_all_models_are_fitted_and_timed(interactions: pl.DataFrame, items: pl.DataFrame) -> None:
    fitted = fit_all(Dataset.build(interactions, items), CONFIG)

    assert list(fitted.models) == list(fitted.seconds) == [*SINGLE, *BLENDS]
    assert fitted.skipped == {}


def test_a_wanted_blend_brings_its_parts_and_shares_them(interactions: pl.DataFrame, items: pl.DataFrame) -> None:
    models = fit_all(Dataset.build(interactions, items), CONFIG, ["repurchase"]).models

    assert set(models) == {"tifu_knn", "ease", "repurchase"}
    assert models["repurchase"].parts["ease"] is models["ease"]


def test_popularity_carries_on_where_data_are_too_few(interactions: pl.DataFrame, items: pl.DataFrame) -> None:
    fitted = fit_all(Dataset.build(interactions.filter(user_id="ann"), items), CONFIG)

    assert list(fitted.models) == ["popularity"]
    assert fitted.skipped["ease"] == "ease needs 2 users with purchases, not 1"
    assert fitted.skipped["discover"] == "its parts als, ease, item_knn are missing"


def test_a_blend_goes_on_without_a_part_that_the_shop_is_too_large_for(
    interactions: pl.DataFrame, items: pl.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ease, "LARGEST", 4)

    fitted = fit_all(Dataset.build(interactions, items), CONFIG, ["repurchase"])

    assert set(fitted.models["repurchase"].parts) == {"tifu_knn"}
    assert fitted.skipped["ease"] == "ease takes at most 4 users or items, not 5 of both"
    assert fitted.skipped["repurchase"] == "its parts ease are missing"


@pytest.mark.parametrize("weights", [{}, {"eese": 1}, {"discover": 1}, {"ease": float("nan")}])
def test_a_blend_of_no_known_models_is_refused(weights: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        CONFIG.changed({"discover": {"weights": weights}})


def test_a_change_of_one_parameter_leaves_the_others() -> None:
    changed = CONFIG.changed({"als": {"alpha": 2}})

    assert changed == TrainingConfig(als=ALSConfig(factors=2, alpha=2))


def test_a_configuration_goes_to_json_and_back() -> None:
    assert TrainingConfig.model_validate_json(CONFIG.model_dump_json()) == CONFIG


def test_an_unknown_parameter_is_refused() -> None:
    with pytest.raises(ValidationError, match="factor"):
        TrainingConfig.model_validate({"als": {"factor": 3}})
