"""What the stack's tests share: an import folder converted once, and a state in a temporary directory."""

import pytest

from stack.history import completejourney
from stack.state import State


@pytest.fixture(scope="session")
def journey(tmp_path_factory):
    """All of Complete Journey as an import folder: (folder, manifest)."""
    folder = tmp_path_factory.mktemp("journey")
    return folder, completejourney.convert(folder)


@pytest.fixture
def state(tmp_path):
    """A fresh state."""
    return State(tmp_path / "state")
