"""What marts were made by: a run by other rules is refused, and models that have changed are rebuilt."""

from pathlib import Path

import pytest

from pipelines.dbt import dbt_variables
from pipelines.runs import RefusedError
from tests.dbt.conftest import PROJECT, change, variables
from tests.dbt.shop import Shop, order

REMEDY = "Run a full refresh"


@pytest.fixture
def shop(built_shop: Shop) -> Shop:
    return built_shop


def test_a_run_in_another_time_zone_is_refused(shop: Shop):
    with pytest.raises(RefusedError, match=f"timezone was America/New_York, is Asia/Tokyo.*{REMEDY}"):
        shop.build(TANAWARI_TIMEZONE="Asia/Tokyo")


def test_a_run_with_another_variable_is_refused(shop: Shop):
    with pytest.raises(RefusedError, match=f"bot_actions_per_day was 1000, is 4.*{REMEDY}"):
        shop.build("--vars", "{bot_actions_per_day: 4}")


def test_a_run_with_another_seed_is_refused(shop: Shop, project: Path):
    change(project / "seeds" / "pseudo_product_rules.csv", "department,is,FUEL\n", "")
    with pytest.raises(RefusedError, match=f"seed pseudo_product_rules was .*{REMEDY}"):
        shop.build()


def test_a_run_with_another_rule_is_refused(shop: Shop, project: Path):
    change(project / "macros" / "rules.sql", "{{ quantity }} > {{", "{{ quantity }} >= {{")
    with pytest.raises(RefusedError, match=f"macro is_outlier was .*{REMEDY}"):
        shop.build()


def test_marts_that_were_built_from_more_than_has_landed_take_a_full_refresh(shop: Shop):
    shop.owner("update landing.lanes set number = number - 1 where topic = 'order.v1'")
    with pytest.raises(RefusedError, match=f"more than has landed.*{REMEDY}"):
        shop.build()


def test_a_changed_model_is_rebuilt_with_its_descendants_and_nothing_else(shop: Shop, project: Path):
    made = "select relname, relfilenode from pg_class where relname in ('orders', 'users', 'order_items', 'sessions')"
    before = dict(shop.rows(made))
    change(
        project / "models/marts/core/orders.sql",
        "    orders.external_id,\n",
        "    orders.external_id,\n    7 as luck,\n",
    )
    yml = project / "models/marts/core/orders.yml"
    change(
        yml,
        "      - {name: user_id,",
        "      - {name: luck, description: A column, data_type: int}\n      - {name: user_id,",
    )
    shop.build()
    after = dict(shop.rows(made))
    assert shop.rows("select distinct luck from core.orders") == [(7,)]
    assert {name for name, file in after.items() if file != before[name]} == {"orders", "users"}
    shop.build()
    assert dict(shop.rows(made)) == after


def test_a_change_that_no_whole_run_took_and_that_is_taken_back_leaves_nothing_behind(shop: Shop, project: Path):
    before, file = shop.marts(), project / "models/marts/core/orders.sql"
    text = file.read_text()
    change(file, "    orders.currency,\n", "    'XXX' as currency,\n")
    shop.dbt("run", "--select", "orders")
    assert shop.marts()["core.orders"] != before["core.orders"]
    file.write_text(text)
    shop.build()
    assert shop.marts() == before


def test_a_run_of_which_a_test_fails_is_taken_again(shop: Shop, project: Path):
    position = "select max(number) from transformation.runs where is_complete"
    before = shop.rows(position)
    (project / "tests" / "never_holds.sql").write_text("select 1")
    with pytest.raises(AssertionError, match="never_holds"):
        shop.build()
    assert shop.rows(position) == before
    (project / "tests" / "never_holds.sql").write_text("select 1 where false")
    shop.build()
    assert shop.rows(position) > before


def test_a_run_without_the_tests_of_the_data_does_not_move_the_position(shop: Shop):
    position = "select max(number) from transformation.runs where is_complete"
    before = shop.rows(position)
    shop.land(order(99, (1, 1)))
    shop.dbt("run")
    assert shop.rows("select count(*) from core.orders where order_id = 99") == [(1,)]
    assert shop.rows(position) == before
    shop.build()
    assert shop.rows(position) > before


def test_dbt_by_itself_is_refused_with_the_command_to_use(shop: Shop, capfd: pytest.CaptureFixture[str], target: Path):
    from dbt.cli.main import dbtRunner  # noqa: PLC0415 - takes seconds

    where = ("--project-dir", PROJECT, "--profiles-dir", PROJECT, "--target-path", target, "--log-level-file", "none")
    with pytest.MonkeyPatch.context() as environment:
        for name, value in (variables(shop.warehouse) | dbt_variables(shop.warehouse.dbt)).items():
            environment.setenv(name, value)
        done = dbtRunner().invoke(["run", "--select", "orders", *map(str, where)])
    assert not done.success
    assert "use `tanawari dbt run`" in capfd.readouterr().out
