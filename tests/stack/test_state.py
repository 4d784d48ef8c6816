import errno
import os
import socket
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from unittest.mock import Mock

import psutil
import pytest

from stack.environment import Environment
from stack.files import write_json
from stack.parts.process import free_port, is_port_free
from stack.removal import remove
from stack.state import MAKING, VERSION, State, StateError, held


def test_a_new_state_carries_the_version(state):
    assert State.version_of(state.directory) == VERSION


def test_opening_again_changes_nothing(state):
    password = state.secret("catalog")
    assert State(state.directory).secret("catalog") == password


def test_a_newer_version_is_refused_with_the_remedy(state):
    (state.directory / "version").write_text(f"{VERSION + 1}\n")
    with pytest.raises(StateError, match=r"newer Tanawari.*update Tanawari, or choose another directory"):
        State(state.directory)


def test_a_directory_with_other_files_is_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(StateError, match="contains files that are not Tanawari's"):
        State(tmp_path)


def test_a_broken_version_file_is_named(state):
    (state.directory / "version").write_text("soon")
    with pytest.raises(StateError, match="must contain a number, not 'soon'"):
        State(state.directory)


def test_asking_whether_a_removed_state_runs_does_not_make_it_again(state):
    remove(state.directory)

    assert state.supervisor is None
    assert not state.directory.exists()


def test_secrets_are_readable_by_their_owner_only(state):
    state.secret("catalog")
    for file in (state.path("secrets.json"), *state.keyring().directory.glob("*.pem")):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_signing_key_whose_writing_was_cut_off_is_made_anew(state, monkeypatch):
    with monkeypatch.context() as disk:
        disk.setattr(Path, "write_bytes", Mock(side_effect=OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))))
        with pytest.raises(OSError, match="No space left"):
            state.keyring()
    assert state.keyring().signer("auth").user_token("u1")


def test_ports_stay_the_same_while_they_are_free(state):
    ports = state.ports(["gateway", "catalog"])
    assert len(set(ports.values())) == 2
    assert State(state.directory).ports(["gateway", "catalog"]) == ports


def test_a_chosen_port_that_was_taken_meanwhile_is_replaced(state):
    port = state.ports(["gateway"])["gateway"]
    with socket.create_server(("127.0.0.1", port)):
        assert state.ports(["gateway"])["gateway"] != port


def test_a_pinned_port_that_is_taken_is_refused(state):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(StateError, match=f"port {port} of gateway is in use"):
            state.ports(["gateway"], {"gateway": port})


def test_a_pinned_port_is_remembered(state):
    port = state.ports(["catalog"])["catalog"]
    state.ports(["gateway"], {"gateway": port})
    assert is_port_free(port)
    assert state.ports(["gateway"]) == {"gateway": port}


def test_no_two_names_have_one_port(state):
    port = state.ports(["gateway"])["gateway"]
    write_json(state.path("ports.json"), {"chosen": {"gateway": port, "catalog": port}})
    assert len(set(state.ports(["gateway", "catalog"]).values())) == 2


def test_a_port_that_is_pinned_is_taken_from_whoever_had_it(state):
    port = state.ports(["catalog", "gateway"])["catalog"]
    ports = state.ports(["catalog", "gateway"], {"gateway": port})
    assert ports["gateway"] == port
    assert ports["catalog"] != port


def test_one_port_for_two_is_refused(state):
    with pytest.raises(StateError, match="port 8080 is set for both gateway and catalog"):
        state.ports(["gateway", "catalog"], {"gateway": 8080, "catalog": 8080})


def test_a_pin_is_taken_back(state):
    port = free_port()
    state.ports(["gateway"], {"gateway": port})
    state.ports(["gateway"], {"gateway": None})
    with socket.create_server(("127.0.0.1", port)):
        assert state.ports(["gateway"])["gateway"] != port


def test_a_state_that_was_cut_off_while_it_was_made_is_made_anew(tmp_path):
    for name in ("run", "logs"):
        (tmp_path / name).mkdir()
    (tmp_path / MAKING).touch()
    assert State.version_of(tmp_path) == 0
    State(tmp_path)
    assert State.version_of(tmp_path) == VERSION
    assert not (tmp_path / MAKING).exists()


def test_many_may_open_a_new_state_at_once(tmp_path):
    with ThreadPoolExecutor(8) as pool:
        opened = list(pool.map(State, [tmp_path / "state"] * 40))
    assert {State.version_of(each.directory) for each in opened} == {VERSION}


def test_asking_who_runs_it_disturbs_nobody_and_takes_no_other_for_it(state):
    lock = state.supervisor_lock
    with held(lock) as is_ours:
        assert is_ours
        with ThreadPoolExecutor(8) as pool:
            assert set(pool.map(lambda _: state.supervisor, range(100))) == {os.getpid()}
    lock.write_text(f"{os.getpid()} 0.0")  # of one that has ended, and whose number we have been given
    assert state.supervisor is None


def test_a_clock_that_is_set_hides_no_supervisor(state, monkeypatch):
    with held(state.supervisor_lock):
        booted_at = psutil.boot_time()
        monkeypatch.setattr("psutil._pslinux.boot_time", lambda: booted_at + 3600)
        assert state.supervisor == os.getpid()


def test_two_commands_do_not_fight_over_one_state(state):
    other = State(state.directory)
    with state.locked(), pytest.raises(StateError, match="another tanawari command"), other.locked():
        pass
    with other.locked():
        pass


def test_only_its_owner_may_enter_a_state(tmp_path):
    before = os.umask(0)
    try:
        assert stat.S_IMODE(State(tmp_path / "new").directory.stat().st_mode) == 0o700
        (tmp_path / "new").chmod(0o755)  # as an earlier version made it
        assert stat.S_IMODE(State(tmp_path / "new").directory.stat().st_mode) == 0o700
    finally:
        os.umask(before)


def test_a_state_that_lost_its_passwords_is_refused_with_the_remedy(state):
    state.path("secrets.json").unlink()
    with pytest.raises(StateError, match=r"secrets.json is missing.* restore it .*tanawari reset"):
        Environment.starting(state, environ={})
