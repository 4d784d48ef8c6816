"""Lands every topic in the warehouse: `python -m warehouse.landing`, with any number of processes.

With `--until-caught-up` it exits when everything that is in the topics now has landed.
"""

import argparse
import asyncio
import gc
import json
import logging
import signal
import sys
from dataclasses import asdict

from services.contracts.setting_errors import ends_in_a_line
from warehouse import logs, metrics
from warehouse.catch_up import land_until_caught_up
from warehouse.member import Member
from warehouse.settings import LandingSettings

GC_THRESHOLD = 500_000
"""A batch is tens of thousands of objects without cycles: searching for cycles cost a tenth of the time."""

SWITCH_SECONDS = 0.0002
"""The writing thread needs the interpreter briefly after each chunk; with Python's default of 5 ms, decoding made it,
and Postgres, wait for a fifth of the time."""


async def land(settings: LandingSettings) -> None:
    """Land until SIGTERM or SIGINT, then finish the batch at hand."""
    member = Member(settings)
    if settings.landing_metrics_port:
        metrics.serve(settings.landing_metrics_host, settings.landing_metrics_port, lambda: member.is_alive)
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, member.stop)
    await member.run()


@ends_in_a_line()
def main() -> None:
    """Read the command line and the environment, and land."""
    parser = argparse.ArgumentParser(prog="python -m warehouse.landing", description=__doc__)
    parser.add_argument(
        "--until-caught-up", action="store_true", help="exit when everything that is in the topics has landed"
    )
    parser.add_argument("--json", action="store_true", help="with --until-caught-up: print the counts by topic")
    arguments = parser.parse_args()
    logs.configure()
    gc.freeze()
    gc.set_threshold(GC_THRESHOLD)
    sys.setswitchinterval(SWITCH_SECONDS)
    if not arguments.until_caught_up:
        asyncio.run(land(LandingSettings()))
        return
    landed = asyncio.run(land_until_caught_up(LandingSettings()))
    if arguments.json:
        json.dump({topic: asdict(counts) for topic, counts in landed.items()}, sys.stdout)
    else:
        for topic, counts in landed.items():
            logging.getLogger(__name__).info("%s: %s", topic, counts)


if __name__ == "__main__":
    main()
