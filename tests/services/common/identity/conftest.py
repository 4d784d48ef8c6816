import shutil

import pytest

from tests.tokens import Tokens


@pytest.fixture
def own_tokens(tokens, tmp_path):
    """Keys that a test may change; making new ones takes seconds."""
    return Tokens(shutil.copytree(tokens.keyring.directory, tmp_path / "own-keys"))
