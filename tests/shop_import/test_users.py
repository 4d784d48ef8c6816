"""The users that an import makes in auth: those of its history, and nobody else."""

from datetime import datetime, timedelta

import httpx2
import orjson
import polars as pl
import pytest

from shop_import.bulk import RefusedError
from shop_import.folder import TABLES, write_table
from shop_import.users import Users, users_of

NOON = datetime(2026, 1, 4, 12)  # noqa: DTZ001 - as the folder has it
HOUR = timedelta(hours=1)


@pytest.fixture
def folder(tmp_path):
    """Two customers, a guest and a visitor; ann looked at something before she ordered."""
    seen = {
        "orders": ("ordered_at", [("ann", NOON + HOUR), ("ben", NOON), ("anon:guest", NOON), ("ann", NOON + 2 * HOUR)]),
        "actions": ("occurred_at", [("ann", NOON - HOUR), ("anon:visitor", NOON)]),
    }
    for name, (time, rows) in seen.items():
        empty = dict.fromkeys(TABLES[name])
        write_table(tmp_path, name, pl.DataFrame([{**empty, "user_id": who, time: at} for who, at in rows]))
    return tmp_path


@pytest.fixture
def auth():
    """A client of an auth that answers as it is told: `auth("created", "refused")`; what it is sent is in `sent`."""

    def answering(*statuses):
        def answer(request):
            users.sent += [orjson.loads(line) for line in request.content.splitlines()]
            return httpx2.Response(200, content=b"\n".join(orjson.dumps({"status": status}) for status in statuses))

        users = Users("http://auth", lambda request: request)
        users.sent = []
        users.client = httpx2.Client(base_url="http://auth", transport=httpx2.MockTransport(answer))
        return users

    return answering


def test_each_user_is_registered_when_first_seen_and_guests_and_visitors_are_not(folder):
    users = users_of(folder, timedelta(days=7))

    assert users.rows() == [("ann", NOON - HOUR + timedelta(days=7)), ("ben", NOON + timedelta(days=7))]


def test_new_users_are_counted_and_those_who_were_deleted_since_are_no_error(folder, auth):
    users = auth("deleted", "created")

    assert users.upload(users_of(folder, timedelta()), lambda _: None) == 1
    assert users.sent[0] == {"userId": "ann", "registeredAt": "2026-01-04T11:00:00Z"}


def test_a_user_whom_auth_refuses_ends_the_import(folder, auth):
    with pytest.raises(RefusedError, match="refused 1 lines"):
        auth("refused", "created").upload(users_of(folder, timedelta()), lambda _: None)
