"""Waits until everything that is in the topics has landed in the warehouse."""

import asyncio
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

from stack.reconciliation import landing_totals
from warehouse.catch_up import land_until_caught_up
from warehouse.settings import LandingSettings

POLL_SECONDS = 0.5


def landing_settings(variables: Mapping[str, str]) -> LandingSettings:
    """The landing of a deployment."""
    return LandingSettings.model_validate({name.lower(): value for name, value in variables.items()})


def wait_until_landed(variables: Mapping[str, str], say: Callable[[str], None]) -> int:
    """Wait until all has landed, telling how far it has come; the messages consumed since landing began."""

    def consumed() -> int:
        return sum(totals["consumed"] for totals in landing_totals(variables).values())

    with ThreadPoolExecutor(1) as pool:
        landing = pool.submit(asyncio.run, land_until_caught_up(landing_settings(variables)))
        while not landing.done():
            say(f"{consumed():,} events")
            time.sleep(POLL_SECONDS)
        landing.result()
    return consumed()
