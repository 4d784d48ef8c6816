"""Commands that move data: into the stack, into the warehouse, and back a step."""

import asyncio
from dataclasses import asdict
from pathlib import Path

from cli.options import DEFAULT_STATE, JsonOption, StateOption, screen, tell
from stack.catch_up import landing_settings
from stack.environment import Environment
from stack.refresh import run_job
from stack.state import State, StateError
from stack.storefront import champion
from warehouse.catch_up import land_until_caught_up


def running(state: Path) -> Environment:
    """The environment of a stack that runs.

    Raises:
        StateError: it does not.
    """
    here = State(state)
    if not here.supervisor:
        raise StateError(f"the stack of {here.directory} does not run: tanawari up")
    return Environment.running(here)


def land(state: StateOption = DEFAULT_STATE, *, as_json: JsonOption = False) -> None:
    """Return once everything that is in the topics now has landed in the warehouse; tell what landed meanwhile."""
    environment = running(state)
    landed = asyncio.run(land_until_caught_up(landing_settings(environment.variables)))
    table = {topic: asdict(counts) for topic, counts in landed.items()}
    if as_json:
        screen.print_json(data=table)
        return
    for topic, counts in table.items():
        tell(f"{topic}: " + ", ".join(f"{number:,} {what.replace('_', ' ')}" for what, number in counts.items()))
    tell("caught up")


def rollback(state: StateOption = DEFAULT_STATE, *, as_json: JsonOption = False) -> None:
    """Put the previous bundle and its generation of shelves back together, as a run of Dagster's job `rollback`."""
    environment = running(state)
    with environment.state.locked(), screen.status("rollback") as shown:
        run_job(environment, "rollback", lambda step: shown.update(f"rollback: {step}"), partitioned=False)
    now_in_use = {name: champion(environment).get(name) for name in ("bundle", "generation")}
    if as_json:
        screen.print_json(data=now_in_use)
    else:
        tell(", ".join(f"{name} {value}" for name, value in now_in_use.items()))
