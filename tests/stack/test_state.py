import socket
import stat

import pytest

from stack.parts.process import is_port_free
from stack.state import VERSION, State, StateError


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
    state.empty()

    assert state.supervisor is None
    assert not state.directory.exists()


def test_secrets_are_readable_by_their_owner_only(state):
    state.secret("catalog")
    keys = state.signing_keys()
    for file in (state.path("secrets.json"), keys.key_file):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


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


def test_two_commands_do_not_fight_over_one_state(state):
    other = State(state.directory)
    with state.locked(), pytest.raises(StateError, match="another tanawari command"), other.locked():
        pass
    with other.locked():
        pass


def test_emptying_removes_the_directory(state):
    state.empty()
    assert list(state.directory.parent.iterdir()) == []
