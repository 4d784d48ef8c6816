"""Connections that dbt keeps from one node to the next, where it would make one for each: a run has some sixty nodes.

A new connection costs more than most nodes' statements: Postgres starts a process, which reads its catalogs anew.
"""

from dbt.adapters.postgres.connections import PostgresConnectionManager
from dbt.adapters.postgres.impl import PostgresAdapter
from psycopg.pq import TransactionStatus

NODES = ("model.", "seed.", "snapshot.", "test.", "unit_test.")


class KeptConnections(PostgresConnectionManager):
    """One connection for each thread that builds nodes; dbt closes all when the command ends."""

    def release(self) -> None:
        """Leave a connection open for its thread's next node, in no transaction; close one that has failed."""
        connection = self.get_if_exists()
        if connection and connection.state == "open" and str(connection.name).startswith(NODES):
            handle = connection.handle
            if handle.info.transaction_status == TransactionStatus.IDLE:
                # dbt commits by a statement, of which its driver knows nothing: it would begin no other transaction
                handle.cursor().execute("begin")
            if handle.info.transaction_status == TransactionStatus.INTRANS:
                handle.rollback()
                connection.transaction_open = False
                return
        super().release()


def keep_connections() -> None:
    """Let dbt, as it runs in this process, keep connections."""
    PostgresAdapter.ConnectionManager = KeptConnections
