"""Commands on data: wait for landing, roll back."""

import asyncio
from dataclasses import asdict
from pathlib import Path

from cli.deployment import Deployment, at
from cli.options import JsonOption, WhereOption, screen, tell
from cli.remote_job import DAGSTER, run_remotely
from shop_import.wording import counted
from stack.catch_up import landing_settings
from stack.environment import Environment
from stack.refresh import run_job
from stack.storefront import champion
from warehouse.catch_up import land_until_caught_up

ROLLBACK = "rollback"


def land(state: WhereOption = None, *, as_json: JsonOption = False) -> None:
    """Wait until everything that is in the topics now has landed in the warehouse, and print the counts."""
    deployment = at(state)
    deployment.announce("KAFKA_URL", "WAREHOUSE_LOADER_URL")
    landed = asyncio.run(land_until_caught_up(landing_settings(deployment.variables)))
    table = {topic: asdict(counts) for topic, counts in landed.items()}
    if as_json:
        screen.print_json(data=table)
        return
    for topic, counts in table.items():
        tell(f"{topic}: " + ", ".join(counted(number, what) for what, number in counts.items()))
    tell("caught up")


def rollback(state: WhereOption = None, *, as_json: JsonOption = False) -> None:
    """Restore the previous bundle and its generation of shelves together, with Dagster's job `rollback`.

    In a deployment the job runs where Dagster runs: set DAGSTER_URL.
    """
    deployment = at(state)
    now_in_use = _roll_back_here(deployment.stack) if deployment.stack else _roll_back_there(deployment)
    if as_json:
        screen.print_json(data=now_in_use)
    else:
        tell(", ".join(f"{name} {value}" for name, value in now_in_use.items()))


def _roll_back_here(environment: Environment) -> dict[str, str | None]:
    Deployment(environment.variables, environment).announce()
    with environment.state.locked(), screen.status(ROLLBACK) as shown:
        run_job(environment, ROLLBACK, lambda step: shown.update(f"{ROLLBACK}: {step}"), partitioned=False)
    return _in_use(environment.bundles)


def _roll_back_there(deployment: Deployment) -> dict[str, str | None]:
    deployment.announce(DAGSTER)
    with screen.status(ROLLBACK) as shown:
        run = run_remotely(deployment.variables[DAGSTER], ROLLBACK, shown.update)
    bundles = deployment.variables.get("TANAWARI_BUNDLES")
    return {"run": run, **(_in_use(Path(bundles)) if bundles else {})}


def _in_use(bundles: Path) -> dict[str, str | None]:
    return {name: champion(bundles).get(name) for name in ("bundle", "generation")}
