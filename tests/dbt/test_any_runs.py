"""Whichever models run, however far they come, and wherever the warehouse is: one whole run later all is well."""

import itertools
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from stack.databases import create_warehouse
from stack.parts.postgres import Postgres
from tests.conftest import WAREHOUSE_PASSWORDS
from tests.dbt.conftest import PROJECT, Shops
from tests.dbt.shop import Shop, shuffled_history

pytestmark = pytest.mark.faults
MODELS = sorted(path.stem for path in (PROJECT / "models").rglob("*.sql") if not path.stem.startswith("stg_"))

selections = st.one_of(
    st.lists(st.sampled_from(MODELS), min_size=1, max_size=6, unique=True),
    st.sampled_from(MODELS).map(lambda name: [f"+{name}"]),
    st.sampled_from(MODELS).map(lambda name: [f"{name}+"]),
)
arrivals = st.tuples(st.sampled_from([0, 1, None]), st.integers(5, 60))
"""On two partitions or as dead letters that are retried, so many events, whenever they happened."""
steps = st.lists(st.one_of(selections, arrivals), min_size=3, max_size=6)


@pytest.mark.timeout(7200)
def test_any_models_run_in_any_order_between_arrivals_and_one_whole_run_give_what_a_full_refresh_gives(
    shops: Shops, built_template: str, rounds: Callable[..., int]
):
    seeds = itertools.count(100)

    @settings(
        max_examples=rounds(8, 1),
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.explicit, Phase.generate],  # a failure shows its steps; to shrink them would take an hour
        suppress_health_check=list(HealthCheck),
    )
    @given(steps=steps)
    def check(steps: list) -> None:
        with shops(built_template) as shop:
            for step in [(0, 30), *steps]:
                if isinstance(step, tuple):
                    partition, count = step
                    with shop.landing(partition) as into:
                        into(*shuffled_history(next(seeds), count))
                else:
                    shop.dbt("run", "--select", *step)
            shop.build()
            incremental = shop.marts()
            assert incremental == shop.refreshed_marts()

    check()


def test_what_a_run_of_some_models_has_taken_is_not_lost_to_the_others(built_shop: Shop):
    built_shop.land(*shuffled_history(8, 60))
    built_shop.dbt("run", "--select", "touched_orders", "int_order_events__unnest", "int_orders__resolve", "orders")
    built_shop.build()
    incremental = built_shop.marts()
    assert incremental == built_shop.refreshed_marts()


@pytest.fixture
def new_server(tmp_path: Path):
    """Another server, whose transaction ids begin anew."""
    with Postgres(tmp_path / "data", password="superuser") as server:
        yield server


def test_a_dump_restored_into_a_new_server_goes_on_from_where_it_was(
    built_shop: Shop, new_server: Postgres, postgres_server: Postgres, tmp_path: Path
):
    built_shop.land(*shuffled_history(8, 60))
    built_shop.dbt("run", "--select", "int_order_events__unnest", "touched_orders", "orders")  # then dumped, half-way
    shop = restored(built_shop, postgres_server, new_server, tmp_path / "dump")
    shop.land(*shuffled_history(9, 60))
    shop.build()
    shop.land(*shuffled_history(10, 60))
    shop.build()
    incremental = shop.marts()
    assert incremental == shop.refreshed_marts()
    assert shop.rows("select count(*) > 0 from core.orders") == [(True,)]


def restored(shop: Shop, old: Postgres, new: Postgres, dump: Path) -> Shop:
    warehouse = create_warehouse(new.url(), WAREHOUSE_PASSWORDS, name=shop.database)
    for command in (
        [old.programs / "pg_dump", "--format=custom", "--file", dump, old.url(shop.database)],
        [new.programs / "pg_restore", "--dbname", new.url(shop.database), dump],
    ):
        subprocess.run(command, check=True)
    return shop.moved_to(warehouse)
