"""`tanawari prepare`: create what a deployment needs before it starts."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict

from rich.table import Table

from cli.deployment import at
from cli.options import JsonOption, WhereOption, notice, screen
from services.contracts.kafka import KafkaSettings
from stack import preparation
from stack.deletions import hand_on_deletions
from stack.preparation import Prepared
from stack.programs import ADMIN, addresses


def prepare(state: WhereOption = None, *, as_json: JsonOption = False) -> None:
    """Create missing roles, databases, topics and schemas; print what was created and what existed.

    Uses the URLs that are set, with the role, password and database of each. Creates roles and databases with
    POSTGRES_ADMIN_URL; without it they must exist. Changes no role or database of others. May be repeated; run it
    before each new version. Catalog is told which users were deleted, if profile's database is given, too.
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
        table.add_row("exists" if each.was_there else "created", each.kind, each.name, each.detail)
    screen.print(table)


def _steps(variables: Mapping[str, str], admin_url: str | None) -> Iterator[Prepared]:
    if admin_url:
        yield from preparation.make_databases(variables, admin_url)
    else:
        notice(f"{ADMIN} is not set: roles and databases must exist")
    if variables.get("KAFKA_URL"):
        kafka = KafkaSettings.of(variables)
        yield preparation.make_topics(kafka)
        yield from preparation.differing_topics(kafka)
    else:
        notice("KAFKA_URL is not set: no topics")
    yield from preparation.migrate(variables)
    yield from hand_on_deletions(variables)
