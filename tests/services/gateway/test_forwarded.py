"""Whose address counts, as the server that the stack starts sees it."""

import time

import httpx2
import pytest

from services.gateway.rate_limit import WINDOW_SECONDS
from tests.services.conformance import served

URLS = [f"{name}_URL" for name in ("CATALOG", "ANALYTICS", "CONTENT", "SERVING", "AUTH", "PROFILE")]
TWO_CLIENTS = ({"X-Forwarded-For": "203.0.113.1"}, {"X-Forwarded-For": "203.0.113.2"})


@pytest.fixture
def statuses(tokens, nowhere, tmp_path):
    """Of two requests that say to come from two addresses, where each address may ask once a minute."""

    def ask(**environment):
        environment |= {
            **tokens.environment_of("gateway"),
            **dict.fromkeys(URLS, nowhere),
            "GATEWAY_ADDRESS_REQUESTS_PER_MINUTE": "1",
        }
        within_one_minute = False
        while not within_one_minute:
            with served("gateway", environment, tmp_path / "gateway.log") as url:
                minute = time.time() // WINDOW_SECONDS
                asked = [httpx2.get(f"{url}/v1/top-page", headers=headers).status_code for headers in TWO_CLIENTS]
                within_one_minute = time.time() // WINDOW_SECONDS == minute
        return asked

    return ask


def test_an_address_that_is_only_said_counts_for_nothing(statuses):
    assert statuses() == [200, 429]


def test_a_stated_proxy_is_believed(statuses):
    assert statuses(FORWARDED_ALLOW_IPS="127.0.0.1") == [200, 200]
