import errno
import json
import os
import socket
from importlib import metadata

import httpx2
import polars as pl
import psycopg
import pytest
from aiokafka.errors import KafkaConnectionError

from cli.command import in_a_line
from services.contracts.setting_errors import SettingError
from stack import doctor
from stack.parts.jars import java_build
from stack.state import VERSION, State

FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/data/draft.parquet")
COMMANDS = [
    "demo",
    "up",
    "down",
    "reset",
    "status",
    "logs",
    "restart",
    "doctor",
    "prepare",
    "import",
    "land",
    "dead-letters",
    "rollback",
    "dbt",
]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(tanawari, name):
    assert f"tanawari {name}" in tanawari(name, "--help").stdout


def test_the_version_is_said(tanawari):
    assert tanawari("--version").stdout == f"{metadata.version('tanawari')}\n"


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (
            FULL,
            "the disk is full: [Errno 28] No space left on device: '/data/draft.parquet'; free space and",
        ),
        (pl.exceptions.ComputeError("No space left on device (os error 28)"), "the disk is full: "),
        (httpx2.ReadTimeout("timed out"), "timed out"),
        (httpx2.ReadTimeout(""), "ReadTimeout"),
        (PermissionError(errno.EACCES, "Permission denied", "/root/state"), "Permission denied: '/root/state'"),
        (psycopg.ProgrammingError('missing "=" after "garbage" in connection info string'), 'missing "="'),
        (psycopg.errors.InsufficientPrivilege("permission denied for schema raw"), "permission denied for schema raw"),
        (SettingError("LANDING_SESSION_MS=abc: no number"), "LANDING_SESSION_MS=abc: no number"),
        (ExceptionGroup("two", [KafkaConnectionError("no broker"), KafkaConnectionError("no broker")]), "no broker"),
    ],
)
def test_what_is_wrong_outside_is_a_line_and_no_trace(error, line):
    assert line in in_a_line(error)


def test_what_is_wrong_inside_keeps_its_trace():
    assert in_a_line(OSError(errno.ENOENT, "none", "/here")) is None
    assert in_a_line(KeyError("x")) is None
    assert in_a_line(psycopg.errors.SyntaxError("of our own")) is None


@pytest.mark.parametrize("command", ["up", "status", "logs", "doctor", "reset"])
def test_a_state_that_is_a_file_is_refused_in_one_line(tanawari, tmp_path, command):
    file = tmp_path / "state"
    file.touch()
    refused = tanawari(command, "--state", file)
    assert (refused.code, "Not a directory" in refused.stderr) == (1, True)
    assert "Traceback" not in refused.stderr


def test_a_newer_state_is_refused_in_one_line(tanawari, state):
    state.path("version").write_text(f"{VERSION + 1}\n")
    refused = tanawari("up", "--state", state.directory)
    assert refused.code == 1
    assert refused.stderr.startswith("tanawari: ")
    assert "newer Tanawari" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1


def test_a_taken_port_is_refused_in_one_line(tanawari, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        refused = tanawari("up", "--state", tmp_path / "state", "--port", f"gateway={port}")
    assert refused.code == 1
    assert f"port {port} of gateway is in use" in refused.stderr


def test_a_port_for_something_that_is_not_there_is_refused_in_one_line(tanawari, tmp_path):
    refused = tanawari("up", "--state", tmp_path / "state", "--port", "gatway=8080")
    assert refused.code == 1
    assert "there is no gatway that has a port; available: postgres, broker" in refused.stderr


def test_status_of_nothing_says_so_and_ends_with_3(tanawari, tmp_path):
    shown = tanawari("status", "--json", "--state", tmp_path / "state")
    assert shown.code == 3
    assert json.loads(shown.stdout) == {"phase": "stopped", "processes": {}, "addresses": {}}
    assert not (tmp_path / "state").exists()


def test_a_program_alone_is_restarted_only_where_the_stack_runs(tanawari, state, tmp_path):
    assert "is not running: start it" in tanawari("restart", "gateway", "--state", state.directory).stderr
    assert "there is no stack in" in tanawari("restart", "--state", tmp_path / "other").stderr


@pytest.mark.parametrize("pin", ["gateway", "gateway=soon", "gateway=0", "gateway=65536"])
def test_what_is_no_port_is_refused(tanawari, state, pin):
    assert tanawari("up", "--state", state.directory, "--port", pin).code == 2


@pytest.mark.parametrize("command", ["down", "logs", "status", "restart"])
def test_what_only_looks_makes_no_state(tanawari, tmp_path, command):
    tanawari(command, "--state", tmp_path / "state")
    assert list(tmp_path.iterdir()) == []


def test_what_needs_a_running_stack_says_how_to_start_it(tanawari, state):
    refused = tanawari("land", "--state", state.directory)
    assert refused.code == 1
    assert "is not running: start it with tanawari up" in refused.stderr


def test_down_when_nothing_runs_is_no_fault(tanawari, state):
    assert tanawari("down", "--state", state.directory).code == 0


def test_dead_letters_are_closed_for_a_reason_only(tanawari, state):
    refused = tanawari("dead-letters", "close", "1", "--because", " ", "--state", state.directory)
    assert (refused.code, "give the reason" in refused.stderr) == (2, True)


def test_reset_of_a_link_to_a_state_removes_neither(tanawari, state, tmp_path):
    link = tmp_path / "link"
    link.symlink_to(state.directory)
    refused = tanawari("reset", "--yes", "--state", link)
    assert (refused.code, f"use --state {state.directory}, then remove the link" in refused.stderr) == (1, True)
    assert State.version_of(link) == VERSION


def test_reset_asks_first(tanawari, state):
    assert tanawari("reset", "--state", state.directory, text="n\n").code == 1
    assert state.directory.exists()
    assert tanawari("reset", "--state", state.directory, text="y\n").code == 0
    assert not state.directory.exists()


def test_doctor_names_a_fault_and_its_remedy(tanawari, state, monkeypatch):
    monkeypatch.setattr(doctor, "NEEDED_DISK_GB", 0)
    state.path("version").write_text(f"{VERSION + 1}\n")
    shown = tanawari("doctor", "--json", "--state", state.directory)
    assert shown.code == 1
    faults = [finding for finding in json.loads(shown.stdout) if finding["level"] == "fault"]
    assert [fault["subject"] for fault in faults] == ["state"]
    assert "update Tanawari" in faults[0]["remedy"]


def test_logs_lists_what_there_is(tanawari, state):
    state.log("gateway").write_text("one\ntwo\n")
    assert tanawari("logs", "--state", state.directory).stdout == "gateway\n"
    assert tanawari("logs", "gateway", "-n", "1", "--state", state.directory).stdout == "two\n"
    assert "there is no log of geteway" in tanawari("logs", "geteway", "--state", state.directory).stderr


def test_the_state_is_where_the_variable_says(tanawari, state, monkeypatch):
    state.log("gateway").write_text("one\n")
    monkeypatch.setenv("TANAWARI_STATE", str(state.directory))
    assert tanawari("logs").stdout == "gateway\n"


def test_apache_kafka_is_remembered_and_refused_in_one_line_where_there_is_no_java(
    tanawari, state, tmp_path, monkeypatch, request
):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    java_build.cache_clear()
    request.addfinalizer(java_build.cache_clear)
    for choice in (("--broker", "apache"), ()):
        refused = tanawari("up", "--state", state.directory, *choice)
        assert refused.code == 1
        assert "\ntanawari: Apache Kafka needs Java 17 or newer: install it" in refused.stderr
