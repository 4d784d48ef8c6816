"""The shop of this package: what one of its files leaves there, the later ones do not mind."""

import pytest

from tests.e2e.running_shop import running_shop


@pytest.fixture(scope="package")
def shop(tmp_path_factory, database, new_warehouse, valkey):
    """Started once for all files, which one worker runs, in their order."""
    with running_shop(tmp_path_factory.mktemp("shop"), database, new_warehouse(), valkey) as shop:
        yield shop
