"""A supervisor is watched from its start, and nothing of it is left."""

import pytest

from stack import control
from stack.parts.process import PartError, Process

assert Process, "the tests start processes: they are slow ones"


def test_a_supervisor_that_dies_before_it_has_its_lock_is_noticed_at_once(state):
    started = control.start(state, {}, stays=True)
    started.kill()
    with pytest.raises(PartError, match="the supervisor ended; see "):
        control.wait_until(state, "running", print, started)


@pytest.mark.parametrize("stays", [True, False])
def test_who_gives_up_before_the_lock_leaves_nothing_running(state, stays):
    started = control.start(state, {}, stays=stays)
    control.stop(state, lambda _: None, started)
    assert started.poll() is not None
    assert state.supervisor is None
    assert control.stop(state, print)


def test_a_supervisor_that_ends_just_before_it_is_stopped_is_stopped(state, monkeypatch):
    started = control.start(state, {}, stays=True)
    started.kill()
    started.wait()
    seen = iter([started.pid, None])
    monkeypatch.setattr(type(state), "supervisor", property(lambda _: next(seen, None)))
    assert not control.stop(state, lambda _: None)


def test_what_the_supervisor_said_at_an_earlier_start_is_kept(state):
    state.log("supervisor").write_text("what happened yesterday\n")
    started = control.start(state, {}, stays=True)
    control.stop(state, lambda _: None, started)
    assert state.log("supervisor").read_text().startswith("what happened yesterday\n")
