"""A run of dbt that is killed in the middle: the next ordinary run makes the marts what a full refresh makes them."""

import os
import signal
from pathlib import Path

import pytest

from tests.dbt.process import WAITING, held_up, start, wait_for
from tests.dbt.shop import SOLD, Shop, event, order, shuffled_history

GONE = "select count(*) from pg_stat_activity where datname = current_database() and application_name = 'dbt'"
POINTS = [
    "recommendation.interactions",
    "behaviour.sessions",
    "intermediate.int_order_events__unnest",
    "core.order_items",
    "core.users",
    "intermediate.int_products__resolve",
    "behaviour.actions",
    "core.orders",
    "merchandising.product_performance",
    "recommendation.recommendation_impressions",
    "core.returns",
    "behaviour.cart_items",
]
"""Tables of which a run is killed while it writes one: some models have committed by then, others have not begun."""
FIRST, PER_ROUND = 200, 40
RARE = (
    event("SEARCH_BY_KEYWORD", -1, userId="zoe", searchKeyword="oolong", requestID="q", resultCount=1),
    event("PRODUCT_VIEWED", -0.5, userId="zoe", productId=90, requestID="q"),
    order(92, (90, 1), user="zoe"),
    event("DISPLAY_CHANGED", displayId=90, change="CREATED", displayType="SALE", productId=90, mode="pin"),
)
"""What a shuffled history hardly ever has: a product that was searched for, opened and bought; a display that stays."""


def kill_while_writing(shop: Shop, target: Path, table: str) -> None:
    """Begin a run, let it come to a table and wait there for us, kill it, and let Postgres notice though we wait on."""
    with held_up(shop, table):
        run = start(shop, target)
        wait_for(shop, WAITING, 1)
        os.killpg(run.pid, signal.SIGKILL)
        run.wait()
        wait_for(shop, GONE, 0)


@pytest.mark.faults
def test_after_runs_that_were_killed_in_the_middle_the_marts_equal_a_full_refresh(shop: Shop, target: Path, rounds):
    killed = POINTS[: rounds(len(POINTS))]
    history = shuffled_history(7, FIRST + PER_ROUND * (len(killed) + 1))
    shop.land(*SOLD, *RARE, *history[:FIRST])
    shop.build()
    for number, table in enumerate(killed):
        start = FIRST + PER_ROUND * number
        shop.land(*history[start : start + PER_ROUND], *history[start - 5 : start])
        kill_while_writing(shop, target, table)
    shop.land(*history[-PER_ROUND:])
    shop.build()
    incremental = shop.marts()
    assert [mart for mart, rows in incremental.items() if not rows] == []
    assert incremental == shop.refreshed_marts()
