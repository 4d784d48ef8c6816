"""What `docs/howto/bring-your-data.md` tells to type, typed: a shop's own folder to a served shop."""

import json
import shlex
import subprocess
from pathlib import Path

import psycopg
import pytest

from shop_import.columns import ACTION_TYPES, FILES, reference
from stack import control
from stack.environment import Environment
from stack.state import State
from stack.storefront import wait_until_served
from tests.e2e.test_readme import commands

ROOT = Path(__file__).parents[2]
HOWTO = (ROOT / "docs/howto/bring-your-data.md").read_text()
PATIENCE_SECONDS = 900


@pytest.fixture(scope="module")
def state(tmp_path_factory):
    """The state that the commands of this file are given; its stack is stopped at the end."""
    state = State(tmp_path_factory.mktemp("howto") / "state")
    yield state
    control.stop(state, print)


@pytest.fixture(scope="module")
def typed(state):
    """A factory that types the how-to's command of that number."""

    def run(number):
        words = shlex.split(commands(HOWTO)[number].replace("build/tea-shop", str(state.directory)))
        done = subprocess.run(words, cwd=ROOT, check=False, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


def landed(state):
    """How many orders and actions are in the warehouse."""
    with psycopg.connect(Environment.running(state).variables["WAREHOUSE_LOADER_URL"]) as connection:
        return tuple(
            connection.execute(f"select count(*) from raw.{table}").fetchone()[0]
            for table in ("order_v1", "user_actions_v1")
        )


@pytest.mark.timeout(PATIENCE_SECONDS)
def test_what_the_howto_types_ends_in_a_served_shop_and_lands_nothing_twice(typed, state):
    checked = typed(0)
    told = HOWTO.split("```text\n")[1].split("```")[0]
    assert told in checked

    assert "no model chooses for them yet" in typed(1)
    shop = Environment.running(state)
    assert shop.variables["TANAWARI_TIMEZONE"] == "Asia/Tokyo"
    counts = json.loads((state.directory / "import-report.json").read_text())["counts"]
    assert wait_until_served(shop, "K-101")["products"] > 0
    orders, actions = landed(state)
    assert orders == counts["orders"] + counts["returns"] + counts["cancelled_orders"]

    typed(2)
    assert landed(state) == (orders, actions)

    typed(3)
    assert state.supervisor is None


@pytest.mark.parametrize("file", FILES.values(), ids=FILES)
def test_the_howto_lists_the_columns_as_they_are(file):
    assert reference(file) in HOWTO


def test_the_howto_lists_the_action_types_as_they_are():
    assert all(f"`{name}`" in HOWTO for name in ACTION_TYPES)
