import pytest


@pytest.fixture
def settings(settings):
    """Those of a service that others call by a name for which they have tokens."""
    return settings.model_copy(update={"service": "catalog"})
