"""A running catalog with the products of the labelled searches, again and again; its process and its server die.

shop.send(range(1, 501), version=1)      # upserts these products, until catalog has answered
shop.rearrange(range(1, 501), turn=0)    # adds variants of some of them, and moves these with their category
shop.differences()                       # what the index has otherwise than one that is made now

Each version of a product is another of the labelled ones: another name, brand, price and category, other attributes.
"""

import asyncio
import json
import random
import time
from contextlib import contextmanager
from decimal import Decimal
from threading import Event, Thread

import httpx2
import psycopg

from benchmarks.labelled_searches import shop as labelled
from services.catalog.search import sources
from services.catalog.search.analysis import Analyzer
from services.catalog.search.documents import Reader
from services.catalog.search.postgres import BROAD
from services.catalog.search.store import Store
from services.common.storage.database import Database
from services.common.storage.migrate import migrate
from stack.databases import create_database
from stack.parts.postgres import Postgres
from tests.service_process import ServiceProcess
from tests.waiting import wait_until

UPLOAD = 1_000
START_SECONDS = 300
"""How long a process may take to start again: with all else that goes on beside the test."""
AWAY = (OSError, httpx2.TransportError, psycopg.OperationalError)
FLOORS = ["売り場 1", "売り場 2"]
SHELVES = [f"{floor} > 棚" for floor in FLOORS]
"""Where the variants' category is in turns."""
STEP = 1_009
"""So far apart are the versions of a product among the labelled ones."""
WORDS = [
    "緑茶",
    "コーヒー",
    "しょうy",
    "シャンプ",
    "猫用 おやつ",
    "cat food",
    "無糖 コーヒー 500ml",
    "単３電池",
    "洗剤",
]
WAITING = "SELECT count(*) FROM search_changes"
AGAIN = """
    CREATE SCHEMA again;
    CREATE TABLE again.search_documents (LIKE search_documents INCLUDING ALL);
    CREATE TABLE again.search_words (LIKE search_words INCLUDING ALL)
"""
DIFFERENT = """
    SELECT product_id FROM search_documents held FULL JOIN again.search_documents made USING (product_id)
    WHERE to_jsonb(held) IS DISTINCT FROM to_jsonb(made)
"""
UNKNOWN = "SELECT key FROM again.search_words EXCEPT SELECT key FROM search_words WHERE count > 0"


class SearchedShop:
    """The catalog, `process`, on a Postgres of its own, `server`, with `count` products of version 0."""

    def __init__(self, server, broker, tokens, directory, count):
        self.server, self.count = server, count
        self.url = create_database(server.url(), "catalog", "password")
        migrate("catalog", self.url)
        environment = {
            **tokens.environment,
            "CATALOG_DATABASE_URL": self.url,
            "CATALOG_IMAGES_FOLDER": str(directory / "images"),
            "KAFKA_URL": broker.url,
        }
        self.process = ServiceProcess("catalog", environment, directory / "catalog.log")
        self._categories, self._attributes, self._products = labelled()
        self._auth = tokens.as_service("importer", "catalog")

    def fill(self):
        """Have the products, and an index that has followed."""
        with self.client() as client:
            for each in self._attributes:
                client.post("/v1/attributes", json=each).raise_for_status()
        self._upload("categories", [*self._categories, *({"code": code} for code in [*FLOORS, SHELVES[0]])])
        with self.client() as client:
            self._shelf = client.get(f"/v1/categories/code:{SHELVES[0]}").raise_for_status().json()["id"]
        self.send(range(1, self.count + 1), version=0)
        self.seconds_until_followed()

    def line(self, number, version):
        """A product as it is uploaded; of each tenth, every second version is not sold."""
        product = self._products[(number + version * STEP) % len(self._products)]
        return {**product, "sku": f"s{number}", "isActive": number % 10 > 0 or version % 2 == 0}

    def send(self, numbers, version):
        """Upsert these products, in so many seconds; an upload that fails is sent again, as any importer would."""
        began = time.monotonic()
        for some in _parts(numbers):
            _until_done(self._upload, "products", [self.line(number, version) for number in some])
        return time.monotonic() - began

    def rearrange(self, numbers, turn):
        """Add a variant of each tenth of these products to the shelf, and move it; turns count from 0."""
        here, there = SHELVES[turn % 2], SHELVES[(turn + 1) % 2]
        variants = [
            {**self.line(number, 1), "sku": f"v{number}", "parentSku": f"s{number}", "categoryCodes": [here]}
            for number in numbers
            if number % 10 == 1
        ]
        _until_done(self._upload, "products", variants)
        _until_done(self._move_shelf, there)

    def _move_shelf(self, code):
        with self.client() as client:
            return client.patch(f"/v1/categories/{self._shelf}", json={"code": code}).raise_for_status()

    def _upload(self, what, lines):
        body = "\n".join(map(json.dumps, lines))
        with self.client() as client:
            answer = client.post(f"/v1/{what}/bulk", content=body, headers={"Content-Type": "application/x-ndjson"})
        assert '"refused"' not in answer.raise_for_status().text, answer.text
        return answer.text

    def client(self):
        return httpx2.Client(base_url=self.process.url, auth=self._auth, timeout=30, trust_env=False)

    def miscounted(self):
        """The words whose facets count otherwise than there are hits."""
        with self.client() as client:
            found = {q: client.get("/v1/search", params={"q": q, "facets": True}).json() for q in WORDS}
        return [q for q, answer in found.items() if _counted(answer) != answer["total"]]

    def seconds_until_followed(self):
        """How long the index took to have all that is in the catalogue."""
        began = time.monotonic()
        wait_until(lambda: self.ask(WAITING) == [(0,)], seconds=START_SECONDS, ignoring=AWAY)
        return time.monotonic() - began

    def ask(self, query):
        with psycopg.connect(self.url) as connection:
            return connection.execute(query).fetchall()

    def differences(self):
        """Products that the index does not hold as one that is made now would, and words that it does not know."""
        asyncio.run(self._index_again())
        return self.ask(DIFFERENT) + self.ask(UNKNOWN)

    async def _index_again(self):
        database, store = Database(self.url), Store(Reader(Analyzer()))
        with psycopg.connect(self.url) as connection:
            connection.execute(AGAIN)
            ids = [row[0] for row in connection.execute("SELECT id FROM products ORDER BY id")]
        for some in _parts(ids):
            async with database.sessions.begin() as session:
                documents = await sources.read(session, some)
                await (await session.connection()).exec_driver_sql("SET LOCAL search_path = again, public")
                await store.write(session, documents, [])
        await database.close()


def _until_done(call, *arguments):
    """Again and again until catalog has done it."""
    wait_until(lambda: call(*arguments), seconds=START_SECONDS, ignoring=(*AWAY, httpx2.HTTPStatusError))


def _counted(found):
    return sum(each["count"] for each in found["facets"]["prices"])


def _parts(numbers):
    return [numbers[start : start + UPLOAD] for start in range(0, len(numbers), UPLOAD)]


@contextmanager
def searched_shop(broker, tokens, directory, count):
    """The running shop, filled; servers die as they do in production, but for the machine."""
    broker.create_topics()
    with Postgres(directory / "data", password="superuser", settings={"fsync": "off"}) as server:
        shop = SearchedShop(server, broker, tokens, directory, count)
        shop.process.start(START_SECONDS)
        try:
            shop.fill()
            yield shop
        finally:
            shop.process.stop()


class Shoppers(Thread):
    """Search all the time; `faults` are answers that are not whole, but for those `while_away` something is."""

    def __init__(self, shop):
        super().__init__()
        self._shop, self._end = shop, Event()
        self._away = []
        self.faults, self.answered = [], 0

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self._end.set()
        self.join()

    @contextmanager
    def while_away(self):
        began = time.monotonic()
        self._away.append((began, float("inf")))
        yield
        wait_until(lambda: self._search(WORDS[0]) is None, seconds=START_SECONDS)
        self._away[-1] = began, time.monotonic()

    def run(self):
        while not self._end.is_set():
            began = time.monotonic()
            fault = self._search(random.choice(WORDS))
            self.answered += fault is None
            is_away = any(began < until and time.monotonic() > since for since, until in self._away)
            if fault and not is_away:
                self.faults.append(fault)

    def _search(self, q):
        """What is wrong with the answer to a search, if anything."""
        try:
            with self._shop.client() as client:
                answer = client.get("/v1/search", params={"q": q, "facets": True, "limit": 50})
        except httpx2.TransportError as error:
            return repr(error)
        if answer.status_code != httpx2.codes.OK:
            return q, answer.text, self._shop.process.last_words()
        found = answer.json()
        skus = [item["sku"] for item in found["items"]]
        counted = _counted(found)
        is_counted = counted == found["total"] or max(counted, found["total"]) > BROAD  # those may be of a minute ago
        is_whole = is_counted and len(set(skus)) == len(skus) <= found["total"] and all(map(self._is, found["items"]))
        return None if is_whole else (q, found)

    def _is(self, item):
        """Whether a product is as one of its versions, and not partly another."""
        lines = (self._shop.line(int(item["sku"][1:]), version) for version in (0, 1))
        seen = item["name"], item["brand"], Decimal(item["price"])
        return seen in [(line["name"], line["brand"], Decimal(line["price"])) for line in lines]
