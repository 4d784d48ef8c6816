import socket

import pytest

from stack import doctor
from stack.files import write_json
from stack.state import StateError


@pytest.fixture(autouse=True)
def enough_room(monkeypatch):
    """What the machine that runs the tests has free is no part of them."""
    monkeypatch.setattr(doctor, "NEEDED_DISK_GB", 0)


def faults(findings):
    return {finding.subject: finding.message for finding in findings if finding.level is doctor.Level.FAULT}


def test_a_fit_machine_and_a_fresh_state_have_no_fault(state):
    assert faults(doctor.examine(state.directory, {})) == {}


def test_a_full_disk_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(doctor, "NEEDED_DISK_GB", 1_000_000)
    with pytest.raises(StateError, match=r"GB free at .*: free space"):
        doctor.refuse_unfit(tmp_path)


def test_an_unknown_python_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(doctor, "PYTHONS", ((3, 99), (3, 99)))
    with pytest.raises(StateError, match="use Python"):
        doctor.refuse_unfit(tmp_path)


def test_a_pinned_port_that_is_taken_is_named(state):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        write_json(state.path("ports.json"), {"pinned": {"gateway": port}, "chosen": {"gateway": port}})
        assert faults(doctor.examine(state.directory, {})) == {"port": f"port {port} of gateway is in use"}


def test_an_external_part_that_does_not_answer_is_named(state):
    found = faults(doctor.examine(state.directory, {"REDIS_URL": "redis://127.0.0.1:1/0"}))
    assert "127.0.0.1:1 does not respond" in found["REDIS_URL"]


@pytest.mark.parametrize("address", ["kafka.example:broker", "postgresql://role:secret@[::1/x"])
def test_what_is_no_address_is_named_without_its_text(address):
    (finding,) = doctor.external_parts({"KAFKA_URL": address})
    assert (finding.level, finding.message) == (doctor.Level.FAULT, "is not a valid address")


@pytest.mark.parametrize(
    ("variable", "url", "port"),
    [
        ("KAFKA_URL", "[::1],two:9092", 9092),
        ("REDIS_URL", "redis://[::1]/0", 6379),
        ("CATALOG_DATABASE_URL", "postgresql://[::1]/x", 5432),
    ],
)
def test_an_external_part_without_a_port_is_looked_for_at_its_usual_one(variable, url, port):
    (finding,) = doctor.external_parts({variable: url})
    assert f"::1:{port} " in finding.message


def test_data_of_another_postgres_is_named(state):
    state.path("postgres").mkdir()
    state.path("postgres", "PG_VERSION").write_text("17\n")
    assert faults(doctor.examine(state.directory, {})) == {"postgres": "its data is from Postgres 17, not 18"}


def test_a_run_that_ended_without_stopping_is_noted(state):
    write_json(state.path("run", "status.json"), {"phase": "running", "processes": {}})
    notes = [each.message for each in doctor.examine(state.directory, {}) if each.subject == "stack"]
    assert notes == ["the last run ended while running, without a clean stop"]
