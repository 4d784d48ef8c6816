"""What the README tells a newcomer to type, typed; the demo in a small size. `make test` is this very run."""

import json
import re
import subprocess
from pathlib import Path

import httpx2
import psycopg
import pytest
from playwright.sync_api import expect

from stack.environment import Environment
from stack.refresh import run_job
from stack.state import State
from stack.storefront import champion
from tests.e2e.demo_process import PATIENCE_SECONDS, assert_accounted, interrupt, processes_of, served_demo
from tests.waiting import wait_until

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


def commands(text: str) -> list[str]:
    """The lines of all console blocks."""
    return [line for block in re.findall(r"```console\n(.*?)```", text, re.DOTALL) for line in block.splitlines()]


@pytest.fixture(scope="module")
def state(tmp_path_factory) -> Path:
    """The state of the demo of this file."""
    return tmp_path_factory.mktemp("demo") / "state"


@pytest.fixture(scope="module")
def demo(state: Path):
    """`make demo`, served until the tests of this file have seen it."""
    with served_demo(state, state.with_name("demo.log")) as process:
        yield process


def test_the_readme_names_the_two_commands():
    assert commands(README) == ["make demo", "make test"]


@pytest.fixture
def made(demo, state) -> dict:
    """What the running demo wrote of itself."""
    assert demo.poll() is None
    return json.loads((state / "demo.json").read_text())


@pytest.mark.timeout(PATIENCE_SECONDS + 60)
def test_the_demo_accounts_for_every_event(made, state):
    assert set(made) >= {"steps", "addresses", "events", "bundle", "generation", "metrics", "peak_rss_mb"}
    assert made["metrics"] == {"shelves": {}}  # twenty shoppers tell nothing of models
    assert made["popularity_because"].startswith("there is nothing to compare: fewer than 30 shoppers")
    assert_accounted(made["events"])
    with psycopg.connect(Environment.running(State(state)).variables["WAREHOUSE_DATABASE_URL"]) as warehouse:
        (orders,) = warehouse.execute("select count(*) from raw.order_v1").fetchone()
    assert orders == made["events"]["order.v1"]["produced"] > 0


def test_every_address_answers(made):
    addresses = made["addresses"]

    answers = {name: httpx2.get(url, follow_redirects=True, timeout=30).status_code for name, url in addresses.items()}

    assert answers == dict.fromkeys(("storefront", "api_docs", "dagster", "mlflow", "dbt_docs"), 200)


def test_the_top_page_has_its_six_shelves(made, state):
    shoppers = json.loads((state / "history.json").read_text())["shoppers"]
    with httpx2.Client(base_url=made["addresses"]["storefront"], timeout=30) as shopper:
        shopper.post("/preview/view", json={"userId": shoppers[0]}).raise_for_status()
        page = shopper.get("/v1/top-page", params={"userId": shoppers[0]}).json()

    assert len(page["shelves"]) == 6
    assert all(shelf["items"] for shelf in page["shelves"])
    assert page["generation"] == made["generation"]
    assert not page["degraded"]


@pytest.mark.browser
def test_the_shop_opens_as_a_shopper_whose_six_shelves_are_full(made, browser):
    page = browser.new_page()
    page.goto(made["addresses"]["storefront"])

    page.get_by_text("Viewing as").wait_for()
    shelves = page.locator("section", has=page.get_by_role("article"))
    expect(shelves.get_by_role("heading", level=2)).to_have_count(6, timeout=30_000)


@pytest.mark.timeout(PATIENCE_SECONDS)
def test_a_refresh_publishes_anew_and_rollback_puts_bundle_and_shelves_back(made, state):
    environment = Environment.running(State(state))
    run_job(environment, "refresh", lambda _: None)
    refreshed = champion(environment.bundles)
    assert (refreshed["previous"], refreshed["previousGeneration"]) == (made["bundle"], made["generation"])

    command = [ROOT / ".venv/bin/tanawari", "rollback", "--json", "--state", state]
    told = subprocess.run(command, check=False, capture_output=True, text=True)
    assert told.returncode == 0, told.stderr

    assert json.loads(told.stdout) == {name: made[name] for name in ("bundle", "generation")}
    shown = httpx2.get(f"{environment.address('content')}/v1/displays").json()
    assert shown["generation"] == made["generation"]


def test_ctrl_c_stops_every_process(demo, state):
    interrupt(demo)

    wait_until(lambda: processes_of(state), lambda left: left == [])
    assert State(state).supervisor is None
