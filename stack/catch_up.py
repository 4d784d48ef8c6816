"""Waits until the content of the topics has landed in the warehouse."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from stack.parts.process import PartError
from stack.reconciliation import landing_totals
from warehouse.broker import cluster_id
from warehouse.catch_up import land_until_caught_up
from warehouse.settings import LandingSettings

POLL_SECONDS = 0.5


def landing_settings(variables: Mapping[str, str]) -> LandingSettings:
    """The settings of landing from these variables."""
    return LandingSettings.of(variables)


@contextmanager
def one_log(variables: Mapping[str, str]) -> Iterator[None]:
    """Around sending and landing: fail if the broker lost its log meanwhile, as the embedded one does when it ends.

    Raises:
        PartError: what was sent before, and had not landed, is lost.
    """
    before = asyncio.run(cluster_id(landing_settings(variables)))
    yield
    if asyncio.run(cluster_id(landing_settings(variables))) != before:
        raise PartError(
            "the broker was restarted and has lost what had not landed: run the same command again, nothing lands "
            "twice; docs/runbooks/broker-lost.md tells how the catalog's events are sent again"
        )


def wait_until_landed(variables: Mapping[str, str], say: Callable[[str], None]) -> int:
    """Wait until everything has landed, and report progress; returns the number of messages consumed so far."""
    return asyncio.run(_wait_until_landed(variables, say))


async def _wait_until_landed(variables: Mapping[str, str], say: Callable[[str], None]) -> int:
    """It runs in this thread, so that Ctrl-C ends it immediately."""
    landing = asyncio.create_task(land_until_caught_up(landing_settings(variables)))
    while not landing.done():
        say(f"{await asyncio.to_thread(_consumed, variables):,} events")
        await asyncio.wait({landing}, timeout=POLL_SECONDS)
    landing.result()
    return _consumed(variables)


def _consumed(variables: Mapping[str, str]) -> int:
    return sum(totals["consumed"] for totals in landing_totals(variables).values())
