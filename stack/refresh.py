"""Runs a Dagster job, such as the one from topic to shelf, as a child of this process."""

import json
import re
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from stack.environment import Environment
from stack.parts.process import PartError, Process, with_subreaper
from stack.programs import DEFINITIONS, ROOT, SCRIPTS

JOB = "refresh"
FAILURE = re.compile(r"^(?:\w+\.)*(?:\w*Failure|\w*Error): (.+)$", re.MULTILINE)
STEP = re.compile(r" - (\S+) - (?:STEP_START|ASSET_MATERIALIZATION) ")
EVENTS = {"assets": "ASSET_MATERIALIZATION", "checks": "ASSET_CHECK_EVALUATION"}
POLL_SECONDS = 0.5


def run_job(
    environment: Environment, name: str, say: Callable[[str], None], *, partitioned: bool = True
) -> dict[str, int]:
    """Execute a Dagster job; its run is visible in Dagster's UI.

    Args:
        environment: of the stack.
        name: the job.
        say: called with the current asset.
        partitioned: whether the job has daily partitions; then the shop's current day is run.

    Returns:
        The numbers of materialised assets and of evaluated checks.

    Raises:
        PartError: the run failed.
    """
    today = datetime.now(ZoneInfo(environment.variables["TANAWARI_TIMEZONE"])).date().isoformat()
    tags = ["--tags", json.dumps({"dagster/partition": today})] if partitioned else []
    command = [str(SCRIPTS / "dagster"), "job", "execute", *DEFINITIONS, "-j", name, *tags]
    run_to_end(name, command, environment, say)
    text = environment.state.log(name).read_text(errors="replace")
    return {what: text.count(f" - {event} - ") for what, event in EVENTS.items()}


def run_to_end(name: str, command: list[str], environment: Environment, say: Callable[[str], None]) -> None:
    """Run a program with the pipelines' environment until it ends.

    Raises:
        PartError: it failed.
    """
    pipelines = next(program for program in environment.programs if program.name == "dagster-code")
    log = environment.state.log(name)
    log.unlink(missing_ok=True)
    process = Process(name, with_subreaper(command), log, environment=environment.of(pipelines), directory=ROOT)
    process.spawn()
    try:
        while process.exit_code is None:
            say(_latest(log))
            time.sleep(POLL_SECONDS)
    finally:
        process.stop()
    if process.exit_code:
        reasons = FAILURE.findall(log.read_text(errors="replace")) or [process.last_words()]
        raise PartError(f"{name} failed: {reasons[0]} (see {log})")


def _latest(log: Path) -> str:
    """The last step in a Dagster log."""
    found = STEP.findall(log.read_text(errors="replace")) if log.exists() else []
    return str(found[-1]).replace("__", ".") if found else "starting"
