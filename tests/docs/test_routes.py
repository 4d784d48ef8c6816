"""The page of routes is what the applications say."""

import pytest

from tests.applications import PACKAGES
from tests.docs.routes import PAGE, page


def test_the_page_of_routes_is_fresh():
    assert PAGE.read_text() == page(), "write it: .venv/bin/python -m tests.docs.routes"


@pytest.mark.parametrize("service", PACKAGES)
def test_every_service_is_on_the_page(service):
    assert f"\n## {service}\n" in PAGE.read_text()
