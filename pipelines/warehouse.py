"""Reading marts into memory."""

from typing import Any

import dagster as dg
import polars as pl
import psycopg

from warehouse import arrow


class Warehouse(dg.ConfigurableResource[Any]):
    """The marts, read with the role of the pipelines; `url` is `postgresql://role:password@host:port/database`."""

    url: str

    def frame(self, query: str) -> pl.DataFrame:
        """The rows of a query, as fast as by connectorx, which does not know how to verify a server."""
        with psycopg.connect(self.url) as connection:
            return pl.DataFrame(arrow.read(connection, query))
