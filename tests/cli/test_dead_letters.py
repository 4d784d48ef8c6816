"""`tanawari dead-letters` as an operator uses it: on a warehouse and a broker that the environment names."""

import getpass
import json
from functools import partial

import psycopg
import pytest

from cli.options import screen

KEEP = """
insert into raw.dead_letters (topic, kafka_partition, kafka_offset, key, value, reason, detail, consumer, failed_at)
select 'order.v1', 2, number, null, %s, 'BAD_PAYLOAD', 'a pattern: [^/]', 'landing', '2026-01-02Z'
from generate_series(1, %s) as given (number) returning id
"""


@pytest.fixture
def keep(warehouse):
    """Keeps so many letters of a value, and gives the id of the last."""

    def insert(value, count=1):
        with psycopg.connect(warehouse.owner) as connection:
            return connection.execute(KEEP, (value, count)).fetchall()[-1][0]

    return insert


@pytest.fixture
def tanawari(tanawari, warehouse, monkeypatch):
    """`tanawari dead-letters …` where the environment says where everything is."""
    monkeypatch.setenv("WAREHOUSE_LOADER_URL", warehouse.loader)
    monkeypatch.setenv("KAFKA_URL", "127.0.0.1:1")
    monkeypatch.setattr(screen, "width", 200)
    return partial(tanawari, "dead-letters")


def test_a_list_says_how_many_it_leaves_out(keep, tanawari):
    keep(b"{", 3)
    shown = tanawari("list", "--limit", 2).stdout
    assert shown.count("a pattern: [^/]") == 2
    assert "2 of 3" in shown


def test_a_list_and_a_summary_are_json_for_a_script(keep, tanawari):
    keep(b"{", 3)
    listed = json.loads(tanawari("list", "--json", "--topic", "order.v1", "--since", "2026-01-01").stdout)
    assert [(each["kafka_partition"], each["kafka_offset"]) for each in listed] == [(2, 1), (2, 2), (2, 3)]
    (kind,) = json.loads(tanawari("list", "--summary", "--json").stdout)
    assert (kind["topic"], kind["reason"], kind["count"]) == ("order.v1", "BAD_PAYLOAD", 3)


def test_no_letters_are_an_empty_list(tanawari):
    assert json.loads(tanawari("list", "--json").stdout) == []
    assert tanawari("list").stdout == "no dead letters\n"


def test_one_is_shown_as_text_that_no_terminal_obeys_or_byte_by_byte(keep, tanawari, tmp_path):
    value = b'\x1b[2J\xff{"name": "\xe6\xa3\x9a"}\n'
    letter = keep(value)
    shown = tanawari("show", letter).stdout
    assert 'value: \\x1b[2J\\xff{"name": "棚"}\\n' in shown
    assert "offset: 1" in shown
    assert tanawari("show", letter, "--raw", "-").output == value
    tanawari("show", letter, "--raw", tmp_path / "letter")
    assert (tmp_path / "letter").read_bytes() == value


def test_a_retry_ends_with_3_where_letters_remain(keep, tanawari):
    keep(b"{", 2)
    tried = tanawari("retry", "--reason", "BAD_PAYLOAD", "--json")
    assert (tried.code, json.loads(tried.stdout)["remaining"]) == (3, 2)
    assert tanawari("retry", "--topic", "catalog.v1").code == 0


def test_a_retry_says_what_it_skipped_because_another_command_holds_it(keep, tanawari, warehouse):
    held = keep(b"{", 2)
    with psycopg.connect(warehouse.owner) as other:
        other.execute("select from raw.dead_letters where id = %s for update", (held,))
        tried = tanawari("retry")
    assert tried.code == 3
    assert "1 remaining, 1 skipped\nskipped ones are being retried or closed by another command" in tried.stdout


def test_a_retry_of_what_is_not_there_is_refused_in_one_line(keep, tanawari):
    letter = keep(b"{")
    refused = tanawari("retry", letter, 999)
    assert refused.code == 1
    assert refused.stderr.splitlines()[1:] == ["tanawari: no open dead letter matches the options: 999"]


def test_a_trial_says_that_it_is_one(keep, tanawari):
    keep(b"{")
    assert tanawari("retry", "--dry-run").stdout.startswith("dry run, nothing changed; result would be: 0 landed")


def test_a_state_that_is_named_wins_over_the_environment(keep, tanawari, tmp_path):
    keep(b"{")
    refused = tanawari("retry", "--state", tmp_path)
    assert (refused.code, f"there is no stack in {tmp_path}" in refused.stderr) == (1, True)


def test_closed_letters_are_kept_with_who_and_why_and_are_no_longer_open(keep, tanawari):
    first = keep(b"{", 2) - 1
    assert tanawari("close", first, "--because", "lost for good", "--dry-run").stdout.endswith("would be: 1 closed\n")
    assert json.loads(tanawari("close", first, "--because", "lost for good", "--json").stdout) == {"closed": 1}
    assert [each["id"] for each in json.loads(tanawari("list", "--json").stdout)] == [first + 1]
    (closed,) = json.loads(tanawari("list", "--closed", "--json").stdout)
    assert (closed["id"], closed["closed_by"], closed["closed_reason"]) == (first, getpass.getuser(), "lost for good")
    assert json.loads(tanawari("list", "--closed", "--summary", "--json").stdout)[0]["count"] == 1
    assert tanawari("show", first, "--raw", "-").output == b"{"


def test_a_closed_letter_is_not_tried_again(keep, tanawari):
    letter = keep(b"{")
    tanawari("close", "--topic", "order.v1", "--because", "lost")
    assert tanawari("retry", letter).stderr.endswith(f"no open dead letter matches the options: {letter}\n")
    assert tanawari("retry").code == 0


def test_to_close_all_of_them_has_to_be_said(keep, tanawari):
    keep(b"{")
    assert tanawari("close", "--because", "tidy").code == 1
