"""`tanawari payment-keys`: rotate the keys that encrypt payment details, seal the rows again, and drop the old keys."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import tink
import typer
from psycopg.types.json import Jsonb

from cli.deployment import at
from cli.options import WhereOption, tell
from services.contracts import vault
from stack.state import StateError

payment_keys = typer.Typer(help="Rotate the keys that encrypt payment details.", no_args_is_help=True)
DATABASE, FILE = "PAYMENT_DATABASE_URL", "PAYMENT_KEYS_FILE"
BATCH = 500
OLD = (
    "SELECT id, payment_details FROM payments WHERE (payment_details->>'keyId')::bigint <> %s AND id > %s"
    " ORDER BY id LIMIT %s"
)
FIRST = "00000000-0000-0000-0000-000000000000"


@payment_keys.command()
def rotate(state: WhereOption = None) -> None:
    """Add a key, which seals from now on. The older ones still open what they have sealed."""
    tell(f"{vault.rotate(_file(state))} seals from now on; seal the rows again with tanawari payment-keys reseal")


@payment_keys.command()
def reseal(state: WhereOption = None) -> None:
    """Seal the rows again that an older key has sealed. It may be interrupted and run again."""
    keys, sealed = vault.Vault(_file(state)), 0
    lost: list[str] = []
    with psycopg.connect(at(state).variables[DATABASE], autocommit=True) as connection:
        for payment_id, old in _old(connection, keys.primary):
            try:
                new = keys.seal(keys.open(old, str(payment_id)), str(payment_id))
            except tink.TinkError:
                lost.append(str(payment_id))
                continue
            changing = "UPDATE payments SET payment_details = %s WHERE id = %s AND payment_details = %s"
            sealed += connection.execute(changing, [Jsonb(new), payment_id, Jsonb(old)]).rowcount
    tell(f"{sealed} rows are sealed again by {keys.primary}")
    if lost:
        raise StateError(
            f"no key of {_file(state)} opens the details of {', '.join(lost)}: restore the key from a backup"
        )


@payment_keys.command()
def retire(state: WhereOption = None) -> None:
    """Drop all keys but the one that seals. Refused while a row needs another one."""
    file = _file(state)
    with psycopg.connect(at(state).variables[DATABASE]) as connection:
        if next(_old(connection, vault.Vault(file).primary), None) is not None:
            raise StateError("there are rows that an older key has sealed: run tanawari payment-keys reseal first")
    tell(f"keys that are gone: {len(vault.retire(file))}")


def _file(state: Path | None) -> Path:
    deployment = at(state)
    deployment.require(DATABASE, FILE)
    return Path(deployment.variables[FILE])


def _old(connection: psycopg.Connection[Any], primary: int) -> Iterator[tuple[Any, dict[str, Any]]]:
    last: Any = FIRST
    while rows := connection.execute(OLD, [primary, last, BATCH]).fetchall():
        yield from rows
        last = rows[-1][0]
