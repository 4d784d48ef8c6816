"""`tanawari search`: the index of the search."""

import asyncio
from collections.abc import Mapping

import typer

from cli.deployment import at
from cli.options import WhereOption, tell
from services.catalog.search import opensearch_rebuild
from services.catalog.search.analysis import Analyzer
from services.catalog.search.documents import Reader
from services.catalog.search.opensearch import INDEX, OpenSearchIndex
from services.catalog.search.rebuild import rebuild as rebuild_index
from services.catalog.search.store import Store
from services.common.storage.database import Database

search = typer.Typer(help="Make the index of the search anew.", no_args_is_help=True)

DATABASE, OPENSEARCH, NAME = "CATALOG_DATABASE_URL", "CATALOG_SEARCH_URL", "CATALOG_SEARCH_INDEX"
EVERY = 10_000
SECONDS = 30.0


@search.callback()
def _about() -> None:
    """Give one command alone a name, too."""


@search.command()
def rebuild(state: WhereOption = None) -> None:
    """Make the index anew beside the one in use, and swap them; searches are answered meanwhile.

    It is in OpenSearch if CATALOG_SEARCH_URL is set. The command can be interrupted and run again.
    """
    deployment = at(state)
    deployment.announce(DATABASE, *([OPENSEARCH] if deployment.variables.get(OPENSEARCH) else []))
    count = asyncio.run(_rebuild(deployment.variables))
    tell(f"{count:,} products are in the new index")


async def _rebuild(variables: Mapping[str, str]) -> int:
    database, reader = Database(variables[DATABASE], pool_size=1), Reader(Analyzer())
    try:
        if not (url := variables.get(OPENSEARCH)):
            return await rebuild_index(database, Store(reader), _tell)
        index = OpenSearchIndex(database, reader, url, variables.get(NAME, INDEX), SECONDS)
        try:
            return await opensearch_rebuild.rebuild(index, _tell)
        finally:
            await index.close()
    finally:
        await database.close()


def _tell(count: int) -> None:
    if count and count % EVERY == 0:
        tell(f"{count:,} products")
