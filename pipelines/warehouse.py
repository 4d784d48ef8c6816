"""Reading marts into memory."""

from typing import Any

import dagster as dg
import polars as pl
import psycopg

from warehouse import arrow


class Warehouse(dg.ConfigurableResource[Any]):
    """Reads the marts as the pipelines' role; `url` is `postgresql://role:password@host:port/database`."""

    url: str

    def frame(self, query: str) -> pl.DataFrame:
        """The rows of a query, as fast as with connectorx, which cannot verify a server."""
        with psycopg.connect(self.url) as connection:
            return pl.DataFrame(arrow.read(connection, query))
