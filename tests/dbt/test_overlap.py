"""Runs of dbt that overlap: the schedule's, a click's, one from the command line."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.dbt.process import WAITING, held_up, refusal, start, wait_for
from tests.dbt.shop import Shop, order, product

pytestmark = pytest.mark.faults
LOCKED = "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
"""Also those who wait for another's row."""


def test_a_second_run_waits_for_the_first_and_then_takes_what_is_new(shop: Shop, new_target: Callable[[], Path]):
    shop.land(product(1), order(1, (1, 1)))
    shop.build()
    shop.land(order(2, (1, 1)))
    with held_up(shop, "core.orders"):
        first = start(shop, new_target())
        wait_for(shop, WAITING, 1)
        shop.land(order(3, (1, 1)))
        second = start(shop, new_target())
        wait_for(shop, WAITING, 2)
        assert shop.rows("select count(*) from transformation.runs") == [(2,)]
    assert [run.wait(timeout=90) for run in (first, second)] == [0, 0]
    assert shop.rows("select order_id from core.orders order by 1") == [(1,), (2,), (3,)]


def test_a_run_that_has_waited_too_long_names_the_one_that_goes_on(shop: Shop, new_target: Callable[[], Path]):
    shop.land(order(1, (1, 1)))
    shop.build()
    with held_up(shop, "core.orders"):
        first = start(shop, new_target())
        wait_for(shop, WAITING, 1)
        said = refusal(shop, new_target(), TANAWARI_RUN_WAIT_MINUTES="0.01")
    assert f"run 2 of process {first.pid} on " in said
    assert first.wait(timeout=90) == 0


def test_what_a_run_had_sent_is_waited_for_and_what_it_would_send_after_its_successor_began_is_not_taken(
    built_shop: Shop, new_target: Callable[[], Path]
):
    built_shop.land(order(901, (1, 1)))
    with held_up(built_shop, "core.orders"):
        first = start(built_shop, new_target())
        wait_for(built_shop, WAITING, 1)
        built_shop.rows(
            "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'tanawari-runs' "
            "and datname = current_database()"
        )  # its lock is lost, as when its connection breaks
        built_shop.land(order(902, (1, 1)))
        second = start(built_shop, new_target())
        wait_for(built_shop, LOCKED, 2)
        assert built_shop.rows("select count(*) from transformation.runs") == [(2,)]
    assert second.wait(timeout=180) == 0
    assert first.wait(timeout=180) != 0
    assert built_shop.rows("select order_id from core.orders where order_id > 900 order by 1") == [(901,), (902,)]
    assert built_shop.rows("select number, is_complete from transformation.runs where number > 1 order by 1") == [
        (2, False), (3, True),
    ]  # fmt: skip
