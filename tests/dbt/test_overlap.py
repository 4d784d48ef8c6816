"""Runs of dbt that overlap: the schedule's, a click's, one from the command line."""

from pathlib import Path

from tests.dbt.process import WAITING, held_up, refusal, start, wait_for
from tests.dbt.shop import Shop, order, product


def test_a_second_run_waits_for_the_first_and_then_takes_what_is_new(shop: Shop, tmp_path: Path):
    shop.land(product(1), order(1, (1, 1)))
    shop.build()
    shop.land(order(2, (1, 1)))
    with held_up(shop, "core.orders"):
        first = start(shop, tmp_path / "first")
        wait_for(shop, WAITING, 1)
        shop.land(order(3, (1, 1)))
        second = start(shop, tmp_path / "second")
        wait_for(shop, WAITING, 2)
        assert shop.rows("select count(*) from transformation.runs") == [(2,)]
    assert [run.wait(timeout=90) for run in (first, second)] == [0, 0]
    assert shop.rows("select order_id from core.orders order by 1") == [(1,), (2,), (3,)]


def test_a_run_that_has_waited_too_long_names_the_one_that_goes_on(shop: Shop, tmp_path: Path):
    shop.land(order(1, (1, 1)))
    shop.build()
    with held_up(shop, "core.orders"):
        first = start(shop, tmp_path / "first")
        wait_for(shop, WAITING, 1)
        said = refusal(shop, tmp_path / "second", TANAWARI_RUN_WAIT_MINUTES="0.01")
    assert f"run 2 of process {first.pid} on " in said
    assert first.wait(timeout=90) == 0
