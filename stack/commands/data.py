"""Commands that move data: into the stack, into the warehouse, and back a step."""

import asyncio
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from stack.commands.options import DEFAULT_STATE, JsonOption, StateOption, screen, tell
from stack.drain import landing_settings
from stack.environment import Environment
from stack.refresh import run_job
from stack.state import State, StateError
from stack.storefront import champion
from warehouse import dead_letters
from warehouse.catch_up import land_until_caught_up

letters = typer.Typer(help="Look at messages that could not be handled, and try them again.", no_args_is_help=True)


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
    landed = asyncio.run(land_until_caught_up(landing_settings(environment)))
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


@letters.command("list")
def list_letters(
    state: StateOption = DEFAULT_STATE,
    topic: Annotated[str | None, typer.Option(help="Only those of this topic.")] = None,
    *,
    as_json: JsonOption = False,
) -> None:
    """List what could not be handled, oldest first, with the reason."""
    found = list(dead_letters.list_open(running(state).variables["WAREHOUSE_LOADER_URL"], topic=topic))
    if as_json:
        screen.print_json(data=[asdict(letter) for letter in found], default=str)
        return
    table = Table("id", "topic", "at", "reason", "detail", box=None, pad_edge=False)
    for letter in found:
        at = f"{letter.kafka_partition}/{letter.kafka_offset}"
        table.add_row(str(letter.id), letter.topic, at, letter.reason, letter.detail)
    screen.print(table if found else "no dead letters")


@letters.command("show")
def show_letter(
    letter: Annotated[int, typer.Argument(help="Its id, as `list` shows it.")], state: StateOption = DEFAULT_STATE
) -> None:
    """Print one message as it came. It may hold personal data."""
    try:
        message = dead_letters.show(running(state).variables["WAREHOUSE_LOADER_URL"], letter)
    except KeyError as error:
        raise StateError(f"there is no dead letter {letter}") from error
    screen.print(f"key: {(message.key or b'').decode(errors='backslashreplace')}", markup=False, soft_wrap=True)
    screen.print((message.value or b"").decode(errors="backslashreplace"), markup=False, soft_wrap=True)


@letters.command("retry")
def retry_letters(
    ids: Annotated[list[int] | None, typer.Argument(help="Which; without any, all.")] = None,
    state: StateOption = DEFAULT_STATE,
    *,
    as_json: JsonOption = False,
) -> None:
    """Try messages again after their cause was mended; what still fails stays, with today's reason."""
    variables = running(state).variables
    retried = dead_letters.retry(variables["WAREHOUSE_LOADER_URL"], variables["KAFKA_URL"], ids or None)
    _print_counts(asdict(asyncio.run(retried)), as_json=as_json)


def _print_counts(counts: dict[str, int], *, as_json: bool) -> None:
    if as_json:
        screen.print_json(data=counts)
    else:
        tell(", ".join(f"{number:,} {what}" for what, number in counts.items()))
