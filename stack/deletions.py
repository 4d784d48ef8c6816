"""Hands on who was deleted to services that came to have data of users later.

`auth.v1` keeps deletions for 30 days, other topics keep what users did for longer: a service that begins to read those
would store it again. Profile has kept every deletion; until it has told catalog, nothing of users may be stored there.
"""

from collections.abc import Iterator, Mapping

import psycopg

from stack.parts.process import PartError
from stack.preparation import Prepared

PROFILE, CATALOG = "PROFILE_DATABASE_URL", "CATALOG_DATABASE_URL"
_DELETED = "SELECT id FROM deleted_users"
_REMEMBER = "INSERT INTO erased_users (id) SELECT unnest(%s::text[]) ON CONFLICT DO NOTHING"
PART = 10_000


def hand_on_deletions(variables: Mapping[str, str]) -> list[Prepared]:
    """Let catalog know all deleted users, where both databases are given; after the migrations, before it starts.

    Raises:
        PartError: a database does not answer.
    """
    if not (variables.get(PROFILE) and variables.get(CATALOG)):
        return []
    try:
        with _open(variables[PROFILE]) as profile, _open(variables[CATALOG]) as catalog:
            new = sum(catalog.execute(_REMEMBER, [ids]).rowcount for ids in _deleted(profile))
    except psycopg.Error as error:
        raise PartError(f"could not hand on deletions from profile to catalog: {str(error).strip()}") from error
    return [Prepared("deletions", "catalog", was_there=False, detail=f"{new:,} users")] if new else []


def _open(url: str) -> psycopg.Connection:
    return psycopg.connect(url, connect_timeout=10)


def _deleted(profile: psycopg.Connection) -> Iterator[list[str]]:
    with profile.cursor(name="deleted") as rows:
        rows.execute(_DELETED)
        while part := rows.fetchmany(PART):
            yield [user_id for (user_id,) in part]
