from datetime import UTC, datetime, timedelta

import polars as pl

from benchmarks.training import train
from ml.bundle.content import ACTIVITY, ITEMS
from pipelines.training_set import TrainingSet

CUT = datetime(2026, 11, 2, tzinfo=UTC)


def test_every_default_model_is_fitted_and_timed_in_a_process_whose_memory_is_told(tmp_path):
    lines = [(f"u{user}", product, user, CUT - timedelta(days=user)) for user in range(4) for product in (1, 2 + user)]
    schema = {"user_id": pl.String, "product_id": pl.Int64, "order_id": pl.Int64, "ordered_at": ACTIVITY["occurred_at"]}
    flags = {"is_active": True, "is_recommendable": True}
    goods = pl.DataFrame([dict.fromkeys(ITEMS) | {"product_id": number} | flags for number in range(1, 7)], ITEMS)
    interactions = pl.DataFrame(lines, schema, orient="row")
    TrainingSet(CUT, interactions, goods, pl.DataFrame(schema=ACTIVITY)).write(tmp_path)

    cost = train(tmp_path)

    assert {"popularity", "ease", "als", "discover", "repurchase"} <= cost.by_model.keys()
    assert min(cost.fit, cost.lists, cost.peak_mb) > 0
