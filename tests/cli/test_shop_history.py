"""What a state says to an import, and to the demo, before anything is sent."""

import io
import json
from types import SimpleNamespace

import pytest
from rich.console import Console
from typer.testing import CliRunner

from cli.command import tanawari
from cli.deployment import Deployment
from cli.shop_history import ShopImport, settled
from shop_import.folder import FolderError
from stack.history import HistoryRecord
from stack.state import StateError
from tests.shop_import.conftest import ITEMS, ORDERS

GIVEN = ("--currency", "JPY", "--timezone", "Asia/Tokyo")


@pytest.fixture
def folder(tmp_path):
    """A shop of one order."""
    shop = tmp_path / "shop"
    shop.mkdir()
    (shop / "items.csv").write_text(ITEMS)
    (shop / "orders.csv").write_text(f"{ORDERS}A1,u1,2026-10-01,T1,1,5\n")
    return shop


@pytest.fixture
def run(folder, state):
    """`tanawari import` of the shop into the state."""
    return lambda *options: CliRunner().invoke(
        tanawari(), ["import", str(folder), "--state", str(state.directory), *options], catch_exceptions=True
    )


def test_a_check_reads_all_and_sends_nothing(run, state):
    result = run("--check", *GIVEN, "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["counts"]["orders"] == 1
    assert (state.directory / "import-report.json").exists()
    assert HistoryRecord.read(state.directory) is None
    assert list(state.path("history").iterdir()) == []


def test_what_customers_did_is_kept_for_the_owner_alone(run, state):
    state.path("import-rows.csv").touch(mode=0o644)  # of an earlier version
    run("--check", *GIVEN)
    expected = {"history": 0o700, "import-rows.csv": 0o600, "import-report.json": 0o600}
    assert {name: state.path(name).stat().st_mode & 0o777 for name in expected} == expected


def test_bad_rows_end_it_with_a_code_of_their_own(run, folder):
    (folder / "orders.csv").write_text(f"{ORDERS}A1,u1,2026-10-01,T1,0,5\n")
    result = run(*GIVEN)
    assert result.exit_code == 2
    assert "orders, row 2: quantity ('0') is 0; remove the row" in result.output


@pytest.mark.parametrize("missing", [0, 2])
def test_a_script_without_currency_or_time_zone_is_told_how_to_say_it(run, missing):
    result = run("--check", *GIVEN[missing : missing + 2])
    assert isinstance(result.exception, FolderError)
    assert "is unknown: use --" in str(result.exception)


def test_the_mapping_says_both(run, folder):
    (folder / "mapping.yaml").write_text("currency: JPY\ntimezone: Asia/Tokyo\n")
    assert run("--check").exit_code == 0


def test_the_demo_s_state_is_refused(run, state):
    HistoryRecord(shift_weeks=1).write(state.directory)
    result = run("--check", *GIVEN)
    assert isinstance(result.exception, StateError)
    assert "--state DIR" in str(result.exception)


def test_the_demo_refuses_the_state_of_a_shop(state):
    HistoryRecord(source="shop", shift_weeks=0).write(state.directory)
    result = CliRunner().invoke(tanawari(), ["demo", "--state", str(state.directory)])
    assert isinstance(result.exception, StateError)
    assert "holds an imported shop" in str(result.exception)


@pytest.mark.parametrize(("option", "value"), [("--currency", "USD"), ("--timezone", "UTC"), ("--weeks", "3")])
def test_a_state_s_currency_zone_and_shift_stay(run, state, option, value):
    HistoryRecord(source="shop", currency="JPY", timezone="Asia/Tokyo", shift_weeks=0).write(state.directory)
    result = run("--check", option, value)
    assert isinstance(result.exception, StateError)
    assert "a shop has one" in str(result.exception)


def test_a_person_at_a_terminal_is_asked(monkeypatch):
    monkeypatch.setattr("builtins.input", lambda *_: " JPY ")
    screen = Console(force_terminal=True, file=io.StringIO())
    assert settled("currency", None, None, None, screen) == "JPY"


@pytest.mark.parametrize(("auth_url", "has_users"), [("", False), ("http://auth", True)])
def test_where_there_is_no_auth_the_users_are_still_to_be_made(tmp_path, monkeypatch, auth_url, has_users):
    no_letters = SimpleNamespace(newest=lambda _: 0, refused=lambda *_, **__: 0)
    monkeypatch.setattr("cli.shop_history.dead_letters", no_letters)
    urls = {"WAREHOUSE_LOADER_URL": "", "CATALOG_URL": "http://catalog", "KAFKA_URL": "127.0.0.1:9"}
    imports = ShopImport(tmp_path, Console(file=io.StringIO()))
    record = imports.send(Deployment({**urls, "AUTH_URL": auth_url}), HistoryRecord(source="shop", shift_weeks=0))
    assert record.has_users is has_users
