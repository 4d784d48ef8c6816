"""Each benchmark that needs no whole data runs, with so little that its figures say nothing."""

import json
import subprocess
import sys

import psycopg
import pytest

from benchmarks.actions import TOPIC, views
from benchmarks.extract import compare
from benchmarks.report import ROOT
from services.contracts.registry import parse


def test_the_actions_are_of_408_bytes_and_the_contract_reads_them():
    (message,) = views(1)

    assert len(message.value) == 408
    assert parse(TOPIC, message.value)[1].user_id == message.key


@pytest.mark.parametrize(
    ("name", "figures"),
    [
        ("landing", ["events", "peak memory"]),
        ("collector", ["actions", "recorded"]),
        ("relay", ["p99", "median", "sent directly, p99", "sent directly, median", "emptied"]),
    ],
)
def test_a_small_run_gives_its_figures(name, figures):
    command = [sys.executable, "-m", f"benchmarks.{name}", "--json", "--small"]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert ran.returncode == 0, ran.stderr
    report = json.loads(ran.stdout.splitlines()[-1])
    brokers = ["embedded"] if report["skipped"] else ["embedded", "apache"]
    names = [f"{name}, {broker} broker" for broker in brokers for name in figures]
    assert [figure["name"] for figure in report["figures"]] == names
    assert all(figure["value"] > 0 for figure in report["figures"] if not figure["name"].startswith("recorded"))


def test_a_small_run_of_the_gateway_gives_its_figures():
    command = [sys.executable, "-m", "benchmarks.gateway", "--json", "--small"]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert ran.returncode == 0, ran.stderr
    figures = json.loads(ran.stdout.splitlines()[-1])["figures"]
    assert [figure["name"] for figure in figures] == ["forwarded requests", "added median"]
    assert figures[0]["value"] > 0


def test_a_small_run_of_the_catalogue_gives_its_figures():
    command = [sys.executable, "-m", "benchmarks.catalogue", "--json", "--small"]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert ran.returncode == 0, ran.stderr
    figures = json.loads(ran.stdout.splitlines()[-1])["figures"]
    assert [figure["name"] for figure in figures] == ["created", "changed"]
    assert figures[0]["ratio"] > 0


def test_an_extract_is_compared_with_reading_the_same_marts(warehouse):
    with psycopg.connect(warehouse.dbt) as connection:
        connection.execute("create schema core; create table core.orders as select 1::bigint as order_id")
        connection.execute("grant usage on schema core to tanawari_pipelines")
        connection.execute("grant select on core.orders to tanawari_pipelines")

    assert compare(warehouse.pipelines, rounds=1).ratio > 0


def test_searches_find_what_their_labels_say_by_either_index():
    command = [sys.executable, "-m", "benchmarks.search_quality", "--json", "--small"]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert ran.returncode == 0, ran.stderr
    report = json.loads(ran.stdout.splitlines()[-1])
    figures = {each["name"]: each["value"] for each in report["figures"]}
    for engine in ["Postgres"] if report["skipped"] else ["Postgres", "OpenSearch"]:
        assert figures[f"mean of queries, {engine}"] >= 0.95
        assert figures[f"the weakest class, {engine}"] >= -0.03
