from pathlib import Path

import pytest

from stack.removal import PREFIX, finish_removals, remove
from stack.state import held


@pytest.fixture
def left(tmp_path):
    """What a removal that was killed has left of the state in `tmp_path / "shop"`."""
    doomed = tmp_path / f"{PREFIX}shop-a1b2_c3d"
    (doomed / "state" / "postgres").mkdir(parents=True)
    (doomed / "lock").touch()
    return doomed


def names(directory: Path) -> set[str]:
    return {path.name for path in directory.iterdir()}


def test_nothing_is_left_of_a_removed_state(state):
    remove(state.directory)
    assert names(state.directory.parent) == set()


def test_what_a_killed_removal_left_is_removed_and_what_is_of_other_states_is_not(tmp_path, left):
    other = left.with_name(f"{PREFIX}shop-2-a1b2_c3d")
    other.mkdir()
    finish_removals(tmp_path / "shop")
    assert names(tmp_path) == {other.name}


def test_what_another_process_is_removing_is_left_to_it(tmp_path, left):
    with held(left / "lock"):
        finish_removals(tmp_path / "shop")
        assert (left / "state").exists()
