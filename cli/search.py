"""`tanawari search`: the index of the search."""

import asyncio

import typer

from cli.deployment import at
from cli.options import WhereOption, tell
from services.catalog.search.analysis import Analyzer
from services.catalog.search.documents import Reader
from services.catalog.search.rebuild import rebuild as rebuild_index
from services.catalog.search.store import Store
from services.common.storage.database import Database

search = typer.Typer(help="Make the index of the search anew.", no_args_is_help=True)

DATABASE = "CATALOG_DATABASE_URL"
EVERY = 10_000


@search.callback()
def _about() -> None:
    """Give one command alone a name, too."""


@search.command()
def rebuild(state: WhereOption = None) -> None:
    """Make the index anew beside the one in use, and swap them; searches are answered meanwhile.

    The command can be interrupted and run again.
    """
    deployment = at(state)
    deployment.announce(DATABASE)
    count = asyncio.run(_rebuild(deployment.variables[DATABASE]))
    tell(f"{count:,} products are in the new index")


async def _rebuild(url: str) -> int:
    database = Database(url, pool_size=1)
    try:
        return await rebuild_index(database, Store(Reader(Analyzer())), _tell)
    finally:
        await database.close()


def _tell(count: int) -> None:
    if count and count % EVERY == 0:
        tell(f"{count:,} products")
