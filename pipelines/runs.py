"""Runs of dbt, one at a time: what each may read, and whether it came to its end.

The position of all marts is the newest complete run: how far it read the lanes of `raw`, the rules and the versions of
the models that it went by. It moves when every model has been built and every test of the data has passed. A run of
some models or without tests, one that failed or was killed leaves it where it is, and the next takes the same events
and more: what it computes again, it computes alike (`dbt/macros/recompute.sql`). All of it is rows of the warehouse, so
a restored one goes on from there.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import errors, sql
from psycopg.types.json import Jsonb

from pipelines.erasure import erase_deleted_users
from pipelines.recipe import Recipe, differences

BESIDE = "__next"
"""The suffix of the schemas that a full refresh builds."""

KEEPALIVES = "-c tcp_keepalives_idle=60 -c tcp_keepalives_interval=15 -c tcp_keepalives_count=4"
"""Postgres drops the connections of a machine that is gone, with their locks, in two minutes; by default in hours."""

_SESSION = f"{KEEPALIVES} -c client_connection_check_interval=1s -c work_mem=64MB"
"""What a run's connections have: a query whose run was killed ends, and the builds sort millions of lines."""

_PAST = "__past"
_REMEDY = "Run a full refresh: `tanawari dbt build --full-refresh`, or the job full_refresh in Dagster."
_LOCK = "select pg_advisory_lock(hashtextextended('transformation.runs', 0))"
_OPEN = """
select format('run %s of %s, begun at %s', number, started_by, to_char(started_at at time zone 'utc', 'HH24:MI "UTC"'))
from transformation.runs where ended_at is null order by number desc limit 1
"""
_END_OTHERS = "update transformation.runs set ended_at = now() where ended_at is null"
_IN_PLACE = "select rules from transformation.runs where is_complete or not is_beside order by number desc limit 1"
_AHEAD = """
select exists (
    select from (select lanes from transformation.runs where is_complete order by number desc limit 1) as past
    cross join jsonb_each_text(past.lanes) as reached (lane, number)
    left join landing.lanes on reached.lane::int = lanes.lane
    where lanes.number is null or lanes.number < reached.number::bigint
)
"""
_WROTE_IN_PLACE = """
select versions from transformation.runs
where number >= (select max(number) from transformation.runs where is_complete) and (is_complete or not is_beside)
"""
"""The model versions that the marts may have: an incomplete run has written some of them."""
_STRAY = """
select distinct id
from jsonb_each(%s) as views (id, names)
cross join jsonb_array_elements_text(names) with ordinality as name (name, place)
where
    place > 1
    and to_regclass(names ->> 0) is not null
    and not exists (
        select from pg_depend inner join pg_rewrite on pg_depend.objid = pg_rewrite.oid
        where
            pg_depend.classid = 'pg_rewrite'::regclass
            and pg_rewrite.ev_class = to_regclass(names ->> 0)
            and pg_depend.refobjid = to_regclass(name)
    )
"""
"""The views that read something else than what they name: a table that is renamed takes its views along."""
_BEGIN = """
insert into transformation.runs (since, lanes, rules, versions, is_beside, started_by)
select
    (select max(number) from transformation.runs where is_complete),
    coalesce(jsonb_object_agg(lane, number), '{}'), %s, %s, %s, %s
from landing.lanes
returning number
"""
_END = "update transformation.runs set ended_at = now(), is_complete = %s where number = %s and ended_at is null"
_SCHEMAS = """
select nspname from pg_namespace where starts_with(reverse(nspname), reverse(%s))
    and pg_get_userbyid(nspowner) = current_user
"""


class RefusedError(Exception):
    """No run may start; the message says why, and what to do."""


@dataclass(frozen=True)
class Run:
    """A run that has started."""

    number: int
    rebuilt: Sequence[str]
    """The models whose version differs from that of the marts, with their descendants."""
    is_beside: bool

    @property
    def environment(self) -> dict[str, str]:
        """The variables that dbt reads."""
        return {
            "TANAWARI_RUN": str(self.number),
            "TANAWARI_REBUILT": " ".join(self.rebuilt),
            "TANAWARI_SCHEMA_SUFFIX": BESIDE if self.is_beside else "",
            "PGOPTIONS": f"{_SESSION} {os.environ.get('PGOPTIONS', '')}".strip(),
        }


class Runs:
    """The table of runs, on a connection that holds the lock for all runs.

    Args:
        connection: as dbt's role, in autocommit; closing it releases the lock.
    """

    def __init__(self, connection: psycopg.Connection) -> None:
        self._connection = connection

    def begin(self, recipe: Recipe, started_by: str, *, is_beside: bool = False) -> Run:
        """Start a run.

        Raises:
            RefusedError: the marts were built with other rules, or from rows that `raw` does not have.
        """
        if not is_beside:
            self._check(recipe)
        self._drop_what_is_left()
        if is_beside:
            self._drop(*self._schemas(BESIDE))
        values = (Jsonb(recipe.rules), Jsonb(recipe.versions), is_beside, started_by)
        rebuilt = () if is_beside else self._rebuilt(recipe)
        return Run(self._one(_BEGIN, *values)[0], rebuilt, is_beside)

    def _rebuilt(self, recipe: Recipe) -> list[str]:
        changed = recipe.changed_since(self._column(_WROTE_IN_PLACE))
        return sorted({*changed, *self._column(_STRAY, Jsonb(recipe.views))})

    def end(self, run: Run, *, is_complete: bool) -> None:
        """End a run; the schemas of a complete full refresh replace the old ones.

        Readers see the old marts until the commit, then the new ones: schemas are renamed, no table is locked.

        Raises:
            RefusedError: a later run has started.
        """
        with self._connection.transaction():
            if self._connection.execute(_END, (is_complete, run.number)).rowcount == 0:
                raise RefusedError(f"run {run.number} has ended: a later one has begun")
            if is_complete and run.is_beside:
                self._swap(f"__{run.number}{_PAST}")
        if run.is_beside:
            self._drop_what_is_left()

    def erase_deleted_users(self, run: Run) -> None:
        """Erase deleted users from what a complete run has read, and from what was made of it."""
        erase_deleted_users(self._connection, run.number)

    def _check(self, recipe: Recipe) -> None:
        built = self._connection.execute(_IN_PLACE).fetchone()
        if built and (different := differences(built[0], recipe.rules)):
            raise RefusedError(f"the marts were built by other rules: {'; '.join(different)}. {_REMEDY}")
        if self._one(_AHEAD)[0]:
            raise RefusedError(f"the marts were built from more than has landed: raw is of an older day. {_REMEDY}")

    def _swap(self, past: str) -> None:
        for fresh in self._schemas(BESIDE):
            name = fresh.removesuffix(BESIDE)
            if self._connection.execute("select to_regnamespace(quote_ident(%s)) is not null", (name,)).fetchone() == (
                True,
            ):
                self._rename(name, name + past)
            self._rename(fresh, name)

    def _rename(self, name: str, to: str) -> None:
        self._connection.execute(
            sql.SQL("alter schema {} rename to {}").format(sql.Identifier(name), sql.Identifier(to))
        )

    def _drop_what_is_left(self) -> None:
        """Drop the remaining schemas of full refreshes, killed ones too; a later run drops one that is being read."""
        for name in self._schemas(BESIDE) + self._schemas(_PAST):
            with suppress(errors.LockNotAvailable, errors.DeadlockDetected), self._connection.transaction():
                self._connection.execute("set local lock_timeout = '2s'")
                self._drop(name)

    def _drop(self, *schemas: str) -> None:
        for name in schemas:
            self._connection.execute(sql.SQL("drop schema {} cascade").format(sql.Identifier(name)))

    def _schemas(self, suffix: str) -> list[str]:
        return self._column(_SCHEMAS, suffix)

    def _column(self, query: str, *values: object) -> list[Any]:
        return [value for (value,) in self._connection.execute(query, values)]

    def _one(self, query: str, *values: object) -> tuple[Any, ...]:
        row = self._connection.execute(query, values).fetchone()
        assert row is not None
        return row


@contextmanager
def taken_over(url: str, wait_minutes: float) -> Iterator[Runs]:
    """The table of runs, once no other run holds the lock.

    Raises:
        RefusedError: another run still holds it after this time.
    """
    options = f"{KEEPALIVES} -c lock_timeout={max(1, round(wait_minutes * 60_000))}"  # 0 would be no limit
    with psycopg.connect(url, autocommit=True, options=options, application_name="tanawari-runs") as connection:
        try:
            connection.execute(_LOCK)
            connection.execute(_END_OTHERS)  # waits for what a killed one had sent
        except errors.LockNotAvailable as error:
            found = connection.execute(_OPEN).fetchone()
            other = found[0] if found else "another process"
            raise RefusedError(f"one run at a time: {other} still goes on after {wait_minutes:g} minutes") from error
        yield Runs(connection)
