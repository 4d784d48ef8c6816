"""Waits until everything that is in the topics has landed in the warehouse."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from stack.environment import Environment
from stack.reconciliation import landing_totals
from warehouse.catch_up import land_until_caught_up
from warehouse.settings import LandingSettings

POLL_SECONDS = 0.5


def landing_settings(environment: Environment) -> LandingSettings:
    """The landing of this stack."""
    return LandingSettings.model_validate({name.lower(): value for name, value in environment.variables.items()})


def wait_until_landed(environment: Environment, say: Callable[[str], None]) -> int:
    """Wait until all has landed, telling how far it has come; the messages consumed since the state began."""

    def consumed() -> int:
        return sum(totals["consumed"] for totals in landing_totals(environment).values())

    with ThreadPoolExecutor(1) as pool:
        landing = pool.submit(asyncio.run, land_until_caught_up(landing_settings(environment)))
        while not landing.done():
            say(f"{consumed():,} events")
            time.sleep(POLL_SECONDS)
        landing.result()
    return consumed()
