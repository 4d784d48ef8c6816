"""Profile killed between its steps: once it runs again, it and those who follow it have what auth has."""

import itertools
import json
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import psycopg
import pytest

from services.common.messaging.producer import Producer
from services.common.storage.migrate import migrate
from services.contracts.envelope import Event
from services.contracts.events.identity import UserDeleted, UserEmailConfirmed, UserRegistered
from services.contracts.topics import TOPICS
from services.profile.settings import ProfileSettings
from tests.conftest import in_thread
from tests.service_process import ServiceProcess
from tests.waiting import read_topic, wait_until

pytestmark = pytest.mark.faults
SERVICE = Path(__file__).with_name("profile_service.py")
KILL_POINTS = ("handled", "committed", "published")
AGREED_WITHIN = 5
LAG = 'tanawari_consumer_lag{consumer="profile.auth"'


@pytest.fixture
def database_url(database):
    url = database("profile")
    migrate("profile", url)
    return url


async def publish(kafka_url, events):
    producer = Producer(ProfileSettings(database_url="", kafka_url=kafka_url))
    for event_type, data in events:
        await producer.send("auth.v1", data.user_id, Event.of(event_type, data, producer="auth").to_bytes())
    await producer.close()


def tell(kafka_url, number):
    """Tell what auth does in one round, and give the addresses that it then has.

    Two users register and exchange their addresses, another one registers and goes.
    """
    a, b, c = (f"{name}-{number}" for name in "abc")
    registered = [UserRegistered(user_id=user, email=f"{user}@old", account_version=1) for user in (a, b, c)]
    steps = [(a, f"{a}@new", 2), (b, f"{a}@old", 2), (a, f"{b}@old", 3)]
    changes = [UserEmailConfirmed(user_id=user, email=email, account_version=step) for user, email, step in steps]
    events = [("USER_REGISTERED", each) for each in registered] + [("USER_EMAIL_CONFIRMED", each) for each in changes]
    in_thread(publish(kafka_url, [*events, ("USER_DELETED", UserDeleted(user_id=c))]))
    return {a: f"{b}@old", b: f"{a}@old"}


def stored(database_url):
    with psycopg.connect(database_url) as connection:
        return dict(connection.execute("SELECT id, email FROM users").fetchall())


def unpublished(database_url):
    with psycopg.connect(database_url) as connection:
        return connection.execute("SELECT id FROM outbox WHERE published_at IS NULL").fetchall()


def reads_all_of(text):
    """Whether each partition has its reader: until a dead member's session has ended, it may still have some."""
    return text.count(LAG) == TOPICS["auth.v1"].partitions


def told(kafka_url, count):
    """The last address that `profile.v1` has of each user who was not erased."""
    records = in_thread(read_topic(kafka_url, "profile.v1", count))
    events = {event["eventId"]: event["data"] for event in (json.loads(record.value) for record in records)}
    return {data["userId"]: data["email"] for data in events.values() if not data["userId"].startswith("c-")}


@pytest.mark.timeout(1200)
def test_after_its_deaths_profile_has_what_auth_has_and_has_told_it(kafka, database_url, tokens, tmp_path, rounds):
    kafka.create_topics()
    expected = {}
    for number, kill_point in zip(range(rounds(21, 3)), itertools.cycle(KILL_POINTS), strict=False):
        expected |= tell(kafka.url, number)
        dying = subprocess.Popen([sys.executable, SERVICE, database_url, kafka.url, kill_point])
        assert dying.wait(90) == -signal.SIGKILL
    environment = {**tokens.environment, "PROFILE_DATABASE_URL": database_url, "KAFKA_URL": kafka.url}
    with ServiceProcess("profile", environment, tmp_path / "profile.log") as service:
        wait_until(lambda: urllib.request.urlopen(f"{service.url}/metrics").read().decode(), reads_all_of)
        wait_until(lambda: stored(database_url), lambda users: users == expected, seconds=AGREED_WITHIN)
        wait_until(lambda: unpublished(database_url), lambda rows: not rows)
    assert told(kafka.url, 2 * len(expected)) == expected
