"""What a day of new events costs dbt, on the whole history against its last quarter: 4x and 1x.

Both are copies of the whole data's warehouse; the smaller one has lost the orders and actions of the first three
quarters and was built anew. A day is the last whole day of the history with new ids, landed on both; then dbt builds as
Dagster does, on one and on the other in turns, day after day, and the best of each counts. The models take from the
start of the first to the end of the last; what never grows comes on top: the start of the process, reading the project,
looking at the schemas. The bar is on the pages that Postgres touches meanwhile: seconds flatter, for much of each is
the same for any history, while pages hold less of that and nothing of what else the machine does.

Then much comes at once, as with a second import: the last quarter again, a fifth of all, with returns on both sides of
the border. Building that is held against building all of it anew, on a new copy of the whole in each round.
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, NamedTuple

import psycopg
from psycopg import sql
from psycopg.rows import scalar_row

from benchmarks.measure import in_turns
from benchmarks.report import Figure, Options, at_most, run, tell
from benchmarks.state import parts
from services.contracts.topics import TOPICS
from stack.databases import Warehouse, create_warehouse, role_url
from stack.environment import Environment
from stack.parts.process import HOST
from stack.programs import WAREHOUSE_ROLES
from warehouse.lanes import take

COST: Final = at_most(1.2)
MUCH_COST: Final = at_most(0.5)
QUARTER_DAYS: Final = 92
COPIES: Final = ("warehouse_1x", "warehouse_4x", "warehouse_5x")
TABLES: Final = {TOPICS[topic].table: topic for topic in ("order.v1", "user-actions.v1")}
FORGET: Final = """
delete from raw.{table} where occurred_at < (select max(occurred_at) from raw.{table}) - interval '92 days'
"""
PAGES_TOUCHED: Final = "select blks_hit + blks_read from pg_stat_database where datname = current_database()"
LAST_WHOLE_DAY: Final = "select date_trunc('day', max(occurred_at)) - interval '1 day' from raw.order_v1"
ONE_DAY: Final = """
insert into raw.{table} (event_id, event_type, schema_version, occurred_at, producer, key, data, topic, kafka_partition,
    kafka_offset, lane, number)
select uuidv7(), event_type, schema_version, occurred_at + %(day)s * interval '1 day', producer, key,
    case when data ->> 'orderId' is null then data else
        data || jsonb_build_object('orderId', %(day)s * 1000000000000 + (data ->> 'orderId')::bigint)
    end, topic, kafka_partition, kafka_offset, %(lane)s, %(first)s + row_number() over ()
from raw.{table}
where occurred_at >= %(since)s and occurred_at < %(since)s + %(days)s * interval '1 day'
"""
RETURNS: Final = """
insert into raw.order_v1 (event_id, event_type, schema_version, occurred_at, producer, key, data, topic,
    kafka_partition, kafka_offset, lane, number)
select uuidv7(), 'RETURN_COMPLETED', 1, occurred_at + interval '3 days', producer, key, jsonb_build_object(
        'returnId', row_number() over (), 'orderId', data -> 'orderId', 'userId', data -> 'userId',
        'items', jsonb_build_array(data #> '{items,0}' || '{"quantity": 1}')
    ), topic, kafka_partition, kafka_offset, %(lane)s, %(first)s + row_number() over ()
from raw.order_v1
where event_type = 'ORDER_COMPLETED' and occurred_at >= %(since)s and hashtext(event_id::text) %% 20 = 0
"""
MOST_AT_ONCE: Final = 100_000_000


class Cost(NamedTuple):
    """What one build took: pages that Postgres touched, and seconds of all nodes together, of the process, by node."""

    pages: int
    models: float
    process: float
    by_node: dict[str, float]


class History:
    """A warehouse to which days happen."""

    def __init__(self, warehouse: Warehouse, variables: dict[str, str], target: Path) -> None:
        self._warehouse = warehouse
        self._variables = {**variables, "WAREHOUSE_DBT_URL": warehouse.dbt}
        self._target = target
        self._days = count(1)
        self._since = last_whole_day(warehouse.loader)

    def keep_last_quarter(self) -> None:
        """Forget what was before."""
        self._execute(*(sql.SQL(FORGET).format(table=sql.Identifier(table)) for table in TABLES))
        self.build("--full-refresh")

    def settle(self) -> None:
        """Do what autovacuum would have done by the next day."""
        with psycopg.connect(self._warehouse.owner, autocommit=True) as connection:
            connection.execute("vacuum analyze")
        with psycopg.connect(self._warehouse.dbt, autocommit=True) as connection:
            connection.execute("vacuum analyze")

    def day(self) -> Cost:
        """Land one day more, and build."""
        number = next(self._days)
        events = land_day(self._warehouse.loader, self._since, number)
        cost = self.build()
        seconds = f"{cost.models:.1f} s of {cost.process:.1f} s"
        tell(f"{self._target.name}, day {number}: {events:,} events, {seconds}, {cost.pages:,} pages")
        return cost

    def much(self) -> tuple[Cost, Cost]:
        """Land the last quarter once more, with returns across its border; what building that costs, and all anew."""
        self.settle()
        since = self._since - timedelta(days=QUARTER_DAYS)
        land_day(self._warehouse.loader, since, 2 * QUARTER_DAYS, days=QUARTER_DAYS)
        land_returns(self._warehouse.loader, since)
        return self.build(), self.build("--full-refresh")

    def build(self, *options: str) -> Cost:
        """`dbt build` as Dagster runs it."""
        command = [sys.executable, "-m", "pipelines.dbt", "build", "--quiet", "--exclude-resource-type", "unit_test"]
        pages, started = self._pages_touched(), time.perf_counter()
        subprocess.run(  # noqa: S603 - composed here
            [*command, *options, "--target-path", str(self._target)], env=self._variables, check=True
        )
        seconds, pages = time.perf_counter() - started, self._pages_touched() - pages
        newest = max(self._target.rglob("run_results.json"), key=lambda file: file.stat().st_mtime)
        return _cost(json.loads(newest.read_text())["results"], pages, seconds)

    def _pages_touched(self) -> int:
        with psycopg.connect(self._warehouse.dbt, row_factory=scalar_row) as connection:
            return int(connection.execute(PAGES_TOUCHED).fetchone() or 0)

    def _execute(self, *statements: sql.Composed) -> None:
        with psycopg.connect(self._warehouse.owner) as connection:
            for statement in statements:
                connection.execute(statement)


def measure(options: Options) -> Iterator[Figure]:
    """Let days pass on both, in turns."""
    rounds = 1 if options.small else 3
    with parts(options.state, "postgres") as environment, _copies(environment) as copied:
        quarter, whole = (copied(name) for name in COPIES[:2])
        tell("building the last quarter")
        quarter.keep_last_quarter()
        for history in (quarter, whole):
            history.settle()
            history.day()  # this one finds cold caches
        large, small = in_turns(whole.day, quarter.day, rounds=rounds)
        much, anew = zip(*(copied(COPIES[2]).much() for _ in range(rounds)), strict=True)
    for node in large[0].by_node:
        one, four = (min(cost.by_node[node] for cost in side) for side in (small, large))
        tell(f"{node}: {one:.2f} s at 1x, {four:.2f} s at 4x")
    for name, label, unit, must in (
        ("pages", "a day's pages", "pages", COST),
        ("models", "a day's models", "s", None),
        ("process", "with dbt's start", "s", None),
    ):
        four_times, once = ([float(getattr(cost, name)) for cost in side] for side in (large, small))
        yield Figure.chosen(label, unit, must, four_times, once, by=min)
    seconds = [[cost.models for cost in side] for side in (much, anew)]
    yield Figure.chosen("a fifth new at once", "s", MUCH_COST, *seconds, by=min)


def last_whole_day(loader_url: str) -> datetime:
    """When the last whole day of the orders began (UTC)."""
    with psycopg.connect(loader_url, row_factory=scalar_row) as connection:
        found = connection.execute(LAST_WHOLE_DAY).fetchone()
    assert isinstance(found, datetime)
    return found


def land_day(loader_url: str, since: datetime, number: int, *, days: int = 1) -> int:
    """Land the events of the days that began at `since` again, under new ids and `number` days later; how many."""
    values = {"since": since, "day": number, "days": days}
    with psycopg.connect(loader_url) as connection:
        return sum(
            _land(connection, sql.SQL(ONE_DAY).format(table=sql.Identifier(table)), topic, values)
            for table, topic in TABLES.items()
        )


def land_returns(loader_url: str, since: datetime) -> int:
    """Let a unit of one order in twenty since then come back; how many."""
    with psycopg.connect(loader_url) as connection:
        return _land(connection, sql.SQL(RETURNS), "order.v1", {"since": since})


def _land(
    connection: psycopg.Connection, statement: sql.SQL | sql.Composed, topic: str, values: Mapping[str, Any]
) -> int:
    """Land what a statement makes, in a lane of its own; how many."""
    numbers = take(connection, [(topic, None)], MOST_AT_ONCE)[topic, None]
    return connection.execute(statement, {**values, **numbers._asdict()}).rowcount


def _cost(results: list[dict[str, Any]], pages: int, seconds: float) -> Cost:
    timings = [timing for result in results for timing in result["timing"]]
    began, ended = (
        pick(datetime.fromisoformat(timing[name]) for timing in timings)
        for pick, name in ((min, "started_at"), (max, "completed_at"))
    )
    by_node = {result["unique_id"].rpartition(".")[2]: float(result["execution_time"]) for result in results}
    return Cost(pages, (ended - began).total_seconds(), seconds, by_node)


@contextmanager
def _copies(environment: Environment) -> Iterator[Callable[[str], History]]:
    """Makes copies of the warehouse under a name, anew each time; they are dropped afterwards."""
    passwords = {role: environment.state.secret(role) for role in ("postgres", *WAREHOUSE_ROLES.values())}
    admin = role_url(f"{HOST}:{environment.ports['postgres']}", "postgres", passwords["postgres"], "postgres")
    with TemporaryDirectory(prefix="tanawari-dbt-") as folder, psycopg.connect(admin, autocommit=True) as connection:

        def drop(name: str) -> None:
            connection.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))

        def copied(name: str) -> History:
            drop(name)
            copy = create_warehouse(admin, passwords, name=name, template="warehouse")
            return History(copy, environment.variables, Path(folder) / name)

        try:
            yield copied
        finally:
            for name in COPIES:
                drop(name)


if __name__ == "__main__":
    run("dbt_incremental", measure, __doc__)
