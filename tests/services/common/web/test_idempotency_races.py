"""Requests with one key in every order: begun, ended, failed, repeated, and overtaken after the deadline."""

import asyncio
import uuid

import psycopg
import pytest
from hypothesis import settings as hypothesis
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from services.common.runtime.errors import Conflict, NotFound, Unavailable
from services.common.storage.database import Database
from tests.services.common.web.keyed_service import Gates, Settings, client_of, create_tables, keyed_app

OUTCOMES = {201: None, 404: NotFound(), 409: Conflict(), 503: Unavailable(), 500: RuntimeError("unexpected")}
KEPT = {201, 404}
AT_ONCE = 4


@pytest.fixture
def keyed_url(database):
    create_tables(url := database("keyed"))
    return url


@pytest.fixture
def settings(tokens):
    return Settings(**tokens.settings)


async def test_of_many_requests_at_once_one_does_the_work(settings, keyed_url, tokens):
    app = keyed_app(settings, Database(keyed_url))
    async with client_of(app, tokens.user("u1")) as client:
        sent = [client.post("/v1/effects", json={"name": "tea"}, headers={"Idempotency-Key": "k"}) for _ in range(20)]
        responses = await asyncio.gather(*sent)
    first = [each for each in responses if each.status_code == 201 and "idempotent-replayed" not in each.headers]
    assert (len(first), {each.status_code for each in responses} <= {201, 409}) == (1, True)
    with psycopg.connect(keyed_url) as connection:
        assert connection.execute("SELECT count(*) FROM effects").fetchone() == (1,)


class Requests(RuleBasedStateMachine):
    """`running` has the requests that have not ended; `holder` is the one that may keep its answer."""

    def __init__(self, runner, client, gates, connection):
        super().__init__()
        self.run, self.client, self.gates, self.execute = runner.run, client, gates, connection.execute
        self.key, self.running = str(uuid.uuid4()), []
        self.holder, self.is_past, self.kept = None, False, None

    async def _send(self, name):
        """The answer, or the request that runs with the end of its work."""
        headers = {"Idempotency-Key": self.key}
        request = asyncio.create_task(self.client.post("/v1/effects", json={"name": name}, headers=headers))
        begun = asyncio.create_task(self.gates.begun.get())
        await asyncio.wait({request, begun}, return_when=asyncio.FIRST_COMPLETED)
        if begun.done():
            return None, (request, begun.result())
        begun.cancel()
        return await request, None

    @precondition(lambda self: len(self.running) < AT_ONCE)
    @rule()
    def send(self):
        answer, running = self.run(self._send(self.key))
        is_free = self.kept is None and (self.holder is None or self.is_past)
        assert (running is not None) == is_free
        if running is not None:
            self.holder, self.is_past = running, False
            self.running.append(running)
        elif self.kept is None:
            assert (answer.status_code, answer.headers["retry-after"]) == (409, "1")
        else:
            assert (answer.status_code, answer.headers["idempotent-replayed"]) == (self.kept, "true")

    @precondition(lambda self: self.kept is not None or self.holder is not None)
    @rule()
    def send_another_body(self):
        answer, running = self.run(self._send("another"))
        assert (answer.status_code, running) == (422, None)

    @precondition(lambda self: self.running)
    @rule(which=st.integers(0, AT_ONCE - 1), outcome=st.sampled_from(sorted(OUTCOMES)))
    def end(self, which, outcome):
        request, end = attempt = self.running.pop(which % len(self.running))
        end.set_result(OUTCOMES[outcome])
        status = self.run(asyncio.wait_for(request, 60)).status_code
        if attempt is self.holder:
            assert status == outcome
            self.holder, self.kept = None, outcome if outcome in KEPT else None
        else:
            assert status == (409 if outcome in KEPT else outcome)

    @rule()
    def pass_the_deadline(self):
        self.execute("UPDATE idempotency SET deadline = now() WHERE key = %s", [self.key])
        self.is_past = True

    @invariant()
    def at_most_one_effect(self):
        (effects,) = self.execute("SELECT count(*) FROM effects WHERE name = %s", [self.key]).fetchone()
        assert effects == (self.kept == 201)

    def teardown(self):
        for request, end in self.running:
            end.set_result(None)
            self.run(asyncio.wait_for(request, 60))


def test_of_all_requests_with_one_key_one_at_most_has_its_effect(settings, keyed_url, tokens):
    with asyncio.Runner() as runner, psycopg.connect(keyed_url, autocommit=True) as connection:
        app = keyed_app(settings, Database(keyed_url))
        app.state.work = gates = Gates()
        opened = client_of(app, tokens.user("u1"))
        client = runner.run(opened.__aenter__())
        try:
            run_state_machine_as_test(
                lambda: Requests(runner, client, gates, connection),
                settings=hypothesis(max_examples=30, stateful_step_count=25),
            )
        finally:
            runner.run(opened.__aexit__(None, None, None))
