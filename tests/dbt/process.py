"""dbt in a process of its own, which can be held up and killed."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg import sql

from tests.dbt.conftest import unread, variables
from tests.dbt.shop import Shop
from tests.waiting import wait_until

WAITING = """
select count(*) from pg_locks join pg_database on pg_database.oid = database
where datname = current_database() and not granted
"""


def start(shop: Shop, target: Path, *arguments: str, **more: str) -> subprocess.Popen[bytes]:
    """A command in a process that leads a group of its own; without arguments all is built. It says nothing."""
    command = [sys.executable, "-m", "pipelines.dbt", *_arguments(target, arguments)]
    return subprocess.Popen(command, env=_environment(shop, more), start_new_session=True, stdout=subprocess.DEVNULL)


def refusal(shop: Shop, target: Path, *arguments: str, **more: str) -> str:
    """What a command says that fails."""
    command = [sys.executable, "-m", "pipelines.dbt", *_arguments(target, arguments)]
    done = subprocess.run(command, env=_environment(shop, more), capture_output=True, text=True, check=False)
    assert done.returncode == 1
    return done.stderr


def _arguments(target: Path, arguments: tuple[str, ...]) -> list[str]:
    command = arguments or ("build", "--exclude-resource-type", "unit_test")
    return [*command, "--quiet", "--target-path", str(target), "--log-level-file", "none", *unread(command)]


def _environment(shop: Shop, more: dict[str, str]) -> dict[str, str]:
    return {**os.environ, **variables(shop.warehouse), **more}


@contextmanager
def held_up(shop: Shop, table: str) -> Iterator[None]:
    """Whoever would write a table waits, while others may read it."""
    with psycopg.connect(shop.warehouse.dbt) as reader:
        reader.execute(sql.SQL("lock table {} in share mode").format(sql.Identifier(*table.split("."))))
        yield


def wait_for(shop: Shop, query: str, number: int) -> None:
    wait_until(lambda: shop.rows(query), lambda rows: rows == [(number,)])
