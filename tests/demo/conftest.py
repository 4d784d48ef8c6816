"""Complete Journey, converted once."""

import pytest

from demo import completejourney


@pytest.fixture(scope="session")
def journey(tmp_path_factory):
    """All of Complete Journey as an import folder: (folder, manifest)."""
    folder = tmp_path_factory.mktemp("journey")
    return folder, completejourney.convert(folder)
