"""The shoppers of a state's bundle, with a token each: who they are that ask, look and click in the benchmarks."""

import asyncio
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from itertools import cycle
from typing import Final

import httpx2
import orjson
import polars as pl

from benchmarks.load import request
from ml.bundle.bundle import Champion
from services.common.messaging.producer import Producer
from services.common.runtime.settings import ServiceSettings
from services.contracts.envelope import Event
from services.contracts.events.actions import ProductViewed
from stack.environment import Environment
from stack.parts.process import HOST

QUESTION: Final = "/v1/users/{}/recommendations?limit=10"
EVERY: Final = 100
"""After so many questions come a report and an action."""
REPORTERS: Final = 50
"""So many users, of few users half, tell what they are shown."""


class Shoppers:
    """All users of the champion's bundle.

    Attributes:
        tokens: by user.
        questions: what is recommended to each, as a request.
        strangers: those of users who have asked nothing before the benchmark does.
    """

    def __init__(self, environment: Environment) -> None:
        champion = Champion.read(environment.bundles)
        assert champion is not None, "a demo ends with a champion"
        users = pl.read_ipc(environment.bundles / champion.bundle / "users.arrow")["user_id"].to_list()
        keys = environment.signer("auth")
        self.tokens = {user: keys.user_token(user) for user in users}
        self.questions = [request("GET", QUESTION.format(user), token=token) for user, token in self.tokens.items()]
        self._reporters = list(users)[: min(REPORTERS, len(users) // 2)]
        self.strangers = self.questions[len(self._reporters) :]
        self._operator = {"Authorization": f"Bearer {keys.user_token('operator', roles=['operator'])}"}
        self._kafka_url = environment.variables["KAFKA_URL"]
        self._reports: list[bytes] = []
        self._shown: list[int] = []
        self._actions: list[tuple[str, bytes]] = []

    async def get_ready(self, serving: int) -> None:
        """Wait until serving misses nothing that this state has, and see what some are shown, to report it."""
        async with httpx2.AsyncClient(base_url=f"http://{HOST}:{serving}", trust_env=False) as client:
            async with asyncio.timeout(60):
                while not await _has_caught_up(client, self._operator):  # noqa: ASYNC110 - it has no event
                    await asyncio.sleep(0.1)
            for user in self._reporters:
                token = self.tokens[user]
                headers = {"Authorization": f"Bearer {token}"}
                answer = (await client.get(QUESTION.format(user), headers=headers)).raise_for_status().json()
                names = ("productId", "rank", "score", "source")
                shown = [{name: item[name] for name in names} for item in answer["items"]]
                self._shown += [item["productId"] for item in shown]
                report = {
                    "recommendationId": answer["recommendationId"],
                    "shown": [{"displayType": "RECOMMENDED", **item} for item in shown],
                }
                self._reports.append(request("POST", "/v1/feedback", token=token, body=orjson.dumps(report)))

    def requests(self, seed: int) -> Iterator[bytes]:
        """Questions of users at random, without end; after each `EVERY` a report, and an action beside it."""
        chance, reports, users = random.Random(seed), cycle(self._reports), list(self.tokens)  # noqa: S311 - no secret
        while True:
            yield from chance.choices(self.questions, k=EVERY)
            user, product = chance.choice(users), chance.choice(self._shown)
            viewed = Event.of("PRODUCT_VIEWED", ProductViewed(user_id=user, product_id=product), producer="benchmarks")
            self._actions.append((user, viewed.to_bytes()))
            yield next(reports)

    @asynccontextmanager
    async def acting(self) -> AsyncIterator[None]:
        """Meanwhile the actions go to the broker, as the collector sends them."""
        producer = Producer(ServiceSettings(service="benchmarks", kafka_url=self._kafka_url))

        async def send() -> None:
            while True:
                await asyncio.sleep(0.05)
                actions, self._actions = self._actions, []
                failed = await producer.send_many("user-actions.v1", actions) if actions else []
                if reasons := [failure for failure in failed if failure is not None]:
                    raise reasons[0]

        sending = asyncio.create_task(send())
        try:
            yield
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
            await producer.close()


async def _has_caught_up(client: httpx2.AsyncClient, headers: dict[str, str]) -> bool:
    told = (await client.get("/v1/models", headers=headers)).raise_for_status().json()
    return bool(told["live"]["hasCaughtUp"])
