"""`tanawari prepare`: what must be there before a deployment starts."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict

from rich.table import Table

from cli.deployment import at
from cli.options import JsonOption, WhereOption, notice, screen
from stack import preparation
from stack.environment import kafka_settings
from stack.preparation import Prepared
from stack.programs import addresses

ADMIN = "POSTGRES_ADMIN_URL"


def prepare(state: WhereOption = None, *, as_json: JsonOption = False) -> None:
    """Make what is missing of roles, databases, topics and schemas; tell what was made and what was there.

    Works on the URLs that are set: the role, password and database of each. Roles and databases are made by
    POSTGRES_ADMIN_URL; without it they have to be there. May be repeated, and belongs before each new version.
    """
    deployment = at(state)
    known = [name for name in addresses() if deployment.variables.get(name)]
    deployment.announce(*known)
    admin = deployment.stack.admin_url if deployment.stack else deployment.variables.get(ADMIN)
    done = list(_steps(deployment.variables, admin))
    if as_json:
        screen.print_json(data=[asdict(each) for each in done])
        return
    table = Table(box=None, pad_edge=False, show_header=False)
    for each in done:
        table.add_row("was there" if each.was_there else "made", each.kind, each.name, each.detail)
    screen.print(table)


def _steps(variables: Mapping[str, str], admin_url: str | None) -> Iterator[Prepared]:
    if admin_url:
        yield from preparation.make_databases(variables, admin_url)
    else:
        notice(f"{ADMIN} is not set: roles and databases have to be there")
    if variables.get("KAFKA_URL"):
        yield preparation.make_topics(kafka_settings(variables))
    else:
        notice("KAFKA_URL is not set: no topics")
    yield from preparation.migrate(variables)
