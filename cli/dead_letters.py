"""`tanawari dead-letters`: list, show, retry and close messages that could not be handled."""

import asyncio
import base64
import getpass
import json
import os
import sys
from collections.abc import Callable, Iterable
from dataclasses import asdict, replace
from datetime import UTC, datetime
from functools import wraps
from inspect import Parameter, Signature, signature
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from cli.deployment import Deployment, at
from cli.options import JsonOption, WhereOption, screen, tell
from services.contracts.kafka import KafkaSettings
from stack.state import StateError
from warehouse import dead_letters as store
from warehouse import retries
from warehouse.dead_letters import Choice, DeadLetter, Group, Message

dead_letters = typer.Typer(help="List, show, retry and close messages that could not be handled.", no_args_is_help=True)

WAREHOUSE = "WAREHOUSE_LOADER_URL"
SOME_REMAIN = 3

DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Only print what would happen.")]


def _choice(
    ids: Annotated[list[int] | None, typer.Argument(help="Ids; without any, all that the options select.")] = None,
    topic: Annotated[str | None, typer.Option(help="Select by topic.")] = None,
    reason: Annotated[str | None, typer.Option(help="Select by reason, e.g. BAD_PAYLOAD.")] = None,
    consumer: Annotated[
        str | None, typer.Option(help="Select by the consumer that failed: landing, content.catalog, ...")
    ] = None,
    since: Annotated[
        datetime | None, typer.Option(help="Select those that failed at or after this time, in UTC.")
    ] = None,
) -> Choice:
    """What a command line selects."""
    return Choice(tuple(ids) if ids else None, topic, reason, consumer, since.replace(tzinfo=UTC) if since else None)


def selecting(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of `_choice` in place of its parameter `choice`."""
    options = signature(_choice).parameters
    own = {name: each for name, each in signature(command).parameters.items() if name != "choice"}

    @wraps(command)
    def run(**given: Any) -> None:  # noqa: ANN401 - whatever Typer has read
        command(choice=_choice(**{name: given.pop(name) for name in options}), **given)

    both = [each.replace(kind=Parameter.KEYWORD_ONLY) for each in (*options.values(), *own.values())]
    run.__signature__ = Signature(both)  # type: ignore[attr-defined] # what Typer reads
    return run


@dead_letters.command("list")
@selecting
def list_(
    choice: Choice,
    *,
    limit: Annotated[int, typer.Option(min=1, help="Maximum number, the oldest first.")] = 50,
    closed: Annotated[bool, typer.Option("--closed", help="List closed ones instead of open ones.")] = False,
    summary: Annotated[bool, typer.Option("--summary", help="Count them by topic, consumer and reason.")] = False,
    state: WhereOption = None,
    as_json: JsonOption = False,
) -> None:
    """List open dead letters with their reasons, without their bytes."""
    url = _warehouse(at(state))
    choice = replace(choice, is_closed=closed)
    if summary:
        groups = store.groups(url, choice)
        _print_all(groups) if as_json else screen.print(_summary(groups) if groups else "no dead letters")
        return
    listed = islice(store.list_chosen(url, choice), limit)
    if as_json:
        _print_all(listed)
        return
    shown = list(listed)
    screen.print(_table(shown) if shown else "no dead letters")
    if len(shown) == limit and (whole := sum(group.count for group in store.groups(url, choice))) > limit:
        tell(f"{limit:,} of {whole:,}; more with --limit, counts with --summary")


@dead_letters.command("show")
def show(
    letter: Annotated[int, typer.Argument(help="Its id, as shown by `list`.")],
    raw: Annotated[
        Path | None, typer.Option(help="Write the exact bytes of the value to this file; - for standard output.")
    ] = None,
    *,
    state: WhereOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print one message, its position, and why it failed. It may contain personal data."""
    try:
        message = store.show(_warehouse(at(state)), letter)
    except KeyError as error:
        raise StateError(f"there is no dead letter {letter}: see tanawari dead-letters list") from error
    if raw is not None:
        _write(message, raw)
    elif as_json:
        sys.stdout.write(_json(message) + "\n")
    else:
        for name, value in asdict(message).items():
            told = _readable(value) if isinstance(value, bytes) else str(value)
            screen.print(f"{name.removeprefix('kafka_')}: {told}", markup=False, soft_wrap=True)


@dead_letters.command("retry")
@selecting
def retry(
    choice: Choice, *, dry_run: DryRunOption = False, state: WhereOption = None, as_json: JsonOption = False
) -> None:
    """Retry messages after their cause was fixed; those that still fail stay, with the current reason.

    Exit code 3 if some remain, or were skipped because another command holds them.
    """
    deployment = at(state)
    deployment.announce(WAREHOUSE, "KAFKA_URL")
    url, kafka = deployment.variables[WAREHOUSE], KafkaSettings.of(deployment.variables)
    _require(url, choice)
    retried = asyncio.run(retries.retry(url, kafka, choice, is_trial=dry_run))
    if as_json:
        screen.print_json(data=asdict(retried))
    else:
        counts = ", ".join(f"{number:,} {what}" for what, number in asdict(retried).items())
        tell(f"dry run, nothing changed; result would be: {counts}" if dry_run else counts)
        if retried.skipped:
            tell("skipped ones are being retried or closed by another command: run this one again to be sure")
    if retried.remaining or retried.skipped:
        raise typer.Exit(SOME_REMAIN)


@dead_letters.command("close")
@selecting
def close(
    choice: Choice,
    *,
    because: Annotated[str, typer.Option(help="The reason; it is stored with your user name.")],
    dry_run: DryRunOption = False,
    state: WhereOption = None,
    as_json: JsonOption = False,
) -> None:
    """Close messages for good: they are kept, but never retried."""
    if not because.strip():
        raise typer.BadParameter("give the reason", param_hint="--because")
    deployment = at(state)
    deployment.announce(WAREHOUSE)
    url = _warehouse(deployment)
    if choice == store.EVERY:
        raise StateError("select dead letters: by ids, or by --topic, --reason, --consumer or --since")
    _require(url, choice)
    closed = store.close(url, choice, because=because, by=_user(), is_trial=dry_run)
    if as_json:
        screen.print_json(data={"closed": closed})
    else:
        tell(f"dry run, nothing changed; result would be: {closed:,} closed" if dry_run else f"{closed:,} closed")


def _require(url: str, choice: Choice) -> None:
    """Check that every id names a dead letter that the options select."""
    if choice.ids and (missing := set(choice.ids) - {letter.id for letter in store.list_chosen(url, choice)}):
        raise StateError(f"no open dead letter matches the options: {', '.join(map(str, sorted(missing)))}")


def _user() -> str:
    """Who we are; a container's user may have a number only."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"user {os.getuid()}"


def _warehouse(deployment: Deployment) -> str:
    deployment.require(WAREHOUSE)
    return deployment.variables[WAREHOUSE]


def _table(found: Iterable[DeadLetter]) -> Table:
    table = Table("id", "topic", "at", "consumer", "reason", "detail", box=None, pad_edge=False)
    for letter in found:
        at = f"{letter.kafka_partition}/{letter.kafka_offset}"
        detail = f"closed by {letter.closed_by}: {letter.closed_reason}" if letter.closed_by else letter.detail
        row = (str(letter.id), letter.topic, at, letter.consumer, letter.reason, detail)
        table.add_row(*map(Text, row))  # a detail may hold what Rich takes for markup
    return table


def _summary(groups: Iterable[Group]) -> Table:
    table = Table("dead letters", "topic", "consumer", "reason", "first", "last", box=None, pad_edge=False)
    for group in groups:
        times = (f"{at:%Y-%m-%d %H:%M}" for at in (group.first, group.last))
        table.add_row(*map(Text, (f"{group.count:,}", group.topic, group.consumer, group.reason, *times)))
    return table


def _write(message: Message, target: Path) -> None:
    if message.value is None:
        raise StateError(f"dead letter {message.id} has no value: the message was a null")
    if str(target) == "-":
        sys.stdout.buffer.write(message.value)
    else:
        target.write_bytes(message.value)


def _print_all(found: Iterable[DeadLetter | Group]) -> None:
    """Print a JSON array, however long, as it comes."""
    sys.stdout.write("[")
    for number, each in enumerate(found):
        sys.stdout.write(",\n" if number else "\n")
        sys.stdout.write(_json(each))
    sys.stdout.write("\n]\n")


def _json(each: DeadLetter | Group) -> str:
    return json.dumps(asdict(each), default=_as_text)


def _as_text(value: Any) -> str:  # noqa: ANN401 - what JSON has no word for
    return base64.b64encode(value).decode() if isinstance(value, bytes) else str(value)


def _readable(value: bytes) -> str:
    """Bytes as text of one line that no terminal obeys."""
    text = value.decode(errors="backslashreplace")
    return "".join(each if each.isprintable() else repr(each)[1:-1] for each in text)
