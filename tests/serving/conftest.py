import json
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from types import SimpleNamespace

import httpx2
import jwt
import pytest
import pytest_asyncio
from fastapi import FastAPI, HTTPException, Request, Response

from ml.bundle.bundle import Champion, write
from services.common.messaging.producer import Producer
from services.common.runtime.http_client import ServiceClient
from services.common.web import ndjson
from services.contracts.envelope import Event
from services.contracts.events.actions import OrderAction, ProductAction, ProductViewed, UserAction
from services.contracts.events.catalog import ProductSnapshot, SpecialPriceEnded, SpecialPriceSet, StockChanged
from services.contracts.events.identity import UserAuthenticated, UserDeleted, UserProfileUpdated
from services.contracts.events.order import OrderCancelled, OrderLine, OrderSnapshot, ReturnSnapshot
from serving.app import create_app
from serving.settings import ServingSettings
from tests.ml.tiny_bundle import about, content, items
from tests.waiting import eventually

PAYLOADS = {
    "PRODUCT_VIEWED": ("user-actions.v1", ProductViewed),
    "CART_ADD": ("user-actions.v1", ProductAction),
    "CART_UPDATE": ("user-actions.v1", ProductAction),
    "CART_REMOVE": ("user-actions.v1", ProductAction),
    "ORDER_COMPLETE": ("user-actions.v1", OrderAction),
    "USER_DELETE": ("user-actions.v1", UserAction),
    "USER_AUTHENTICATED": ("auth.v1", UserAuthenticated),
    "USER_DELETED": ("auth.v1", UserDeleted),
    "USER_PROFILE_UPDATED": ("profile.v1", UserProfileUpdated),
    "RETURN_COMPLETED": ("order.v1", ReturnSnapshot),
    "ORDER_COMPLETED": ("order.v1", OrderSnapshot),
    "ORDER_CANCELLED": ("order.v1", OrderCancelled),
    "STOCK_CHANGED": ("catalog.v1", StockChanged),
    "SPECIAL_PRICE_SET": ("catalog.v1", SpecialPriceSet),
    "SPECIAL_PRICE_ENDED": ("catalog.v1", SpecialPriceEnded),
    "PRODUCT_CREATED": ("catalog.v1", ProductSnapshot),
}


def put_bundle(bundles, name, *, previous=None, promote=True, now=None, **parts):
    """Write the tiny bundle, as of now, under a name, with parts of its content replaced, and make it the champion."""
    now = now or datetime.now(UTC)
    write(bundles / name, replace(content(now), **parts), about(now))
    if promote:
        Champion(bundle=name, previous=previous, generation=f"g-{name}").put(bundles)


def record(topic, event_type, *, at=None, **data):
    """A record of a topic as a follower gets it now, of an event that happens now, or at a time."""
    now = datetime.now(UTC)
    value = json.dumps({"eventType": event_type, "timestamp": (at or now).isoformat(), "data": data}).encode()
    return SimpleNamespace(topic=topic, partition=0, offset=0, timestamp=int(now.timestamp() * 1000), value=value)


@pytest.fixture(scope="module")
def bundles(tmp_path_factory):
    return tmp_path_factory.mktemp("bundles")


@pytest.fixture(scope="module")
def settings(broker, tokens, bundles):
    broker.create_topics()
    return ServingSettings(
        kafka_url=broker.url,
        kafka_idempotence=broker.is_idempotent,
        **tokens.settings,
        auth_signing_key_file=tokens.key_file("serving"),
        bundles_dir=bundles,
        content_url="http://127.0.0.1:9",
        content_timeout=5,
        content_watch_seconds=0.05,
        watch_seconds=0.05,
    )


class Content:
    """Content's `/v1/displays` as a small application: what it says is set by the test, None means that it fails."""

    def __init__(self):
        self.says = {"userId": None, "generation": "g-active", "shelves": [], "hidden": []}
        self.asked = []
        self.callers = set()
        self.app = FastAPI()
        self.app.add_api_route("/v1/displays", self._answer)

    async def _answer(self, request: Request, userId: str | None = None):  # noqa: N803 - the name on the wire
        self.asked.append(userId)
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        self.callers.add(jwt.decode(token, options={"verify_signature": False})["sub"] if token else None)
        if self.says is None:
            raise ConnectionError
        return self.says

    def client(self):
        return ServiceClient("content", "http://content", timeout=5, transport=httpx2.ASGITransport(self.app))


def as_told(row):
    """A product of the tiny bundle as a line of catalog's snapshot."""
    offer = {
        "specialPrice": str(row["special_price"]),
        "currency": row["currency"],
        "startDate": row["special_starts_at"].isoformat(),
        "endDate": row["special_ends_at"].isoformat(),
    }
    return {
        "productId": row["product_id"],
        "sku": row["sku"],
        "name": row["name"],
        "price": str(row["price"]),
        "currency": row["currency"],
        "rating": row["rating"],
        "image": row["image"],
        "stock": row["stock"],
        "isActive": row["is_active"],
        "categoryIds": [row["category_id"]],
        "offer": offer if row["special_price"] else None,
    }


class Catalog:
    """Catalog's snapshot as a small application: what it has is set by the test, None means that it fails."""

    def __init__(self):
        self.products = [as_told(row) for row in items(datetime.now(UTC)).iter_rows(named=True)]
        self.app = FastAPI()
        self.app.add_api_route("/v1/snapshot/products", self._products)
        self.app.add_api_route("/v1/snapshot/categories", lambda: Response("", media_type=ndjson.MEDIA_TYPE))

    async def _products(self):
        if self.products is None:
            raise HTTPException(503)
        lines = "".join(json.dumps(line) + "\n" for line in self.products)
        return Response(lines, media_type=ndjson.MEDIA_TYPE)

    def client(self):
        return httpx2.AsyncClient(base_url="http://catalog", transport=httpx2.ASGITransport(self.app))


@pytest_asyncio.fixture(loop_scope="module")
async def content_service(app):
    """What content says during one test."""
    said, merchandising = Content(), app.state.merchandising
    before, merchandising.content = merchandising.content, said.client()
    yield said
    merchandising.content = before
    await merchandising.refresh()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def app(settings, bundles):
    """The running service with the tiny bundle as its champion; merchandisers have said nothing."""
    put_bundle(bundles, "b1")
    app = create_app(settings)
    app.state.merchandising.content = Content().client()
    app.state.catalog.client = Catalog().client()
    async with app.router.lifespan_context(app):
        await eventually(lambda: not app.state.recommender.circumstances(is_content_away=False)["degraded"])
        yield app


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(app, tokens):
    """Asks as the user that a request names."""
    transport = httpx2.ASGITransport(app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://serving", auth=tokens.as_named) as client:
        yield client


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def nobody(app):
    """Asks without a token."""
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://serving") as client:
        yield client


@pytest.fixture(scope="session")
def as_user(tokens):
    return lambda user_id: tokens.header(tokens.of(user_id))


@pytest.fixture
def as_staff(tokens):
    return tokens.header(tokens.staff())


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def happens(settings):
    """Publishes an event, such as `happens("PRODUCT_VIEWED", user_id="7", product_id=103)`."""
    producer = Producer(settings)

    async def publish(event_type, *, at=None, **fields):
        topic, payload = PAYLOADS[event_type]
        event = Event.of(event_type, payload(**fields), producer="tests", timestamp=at)
        await producer.send(topic, str(fields.get("user_id", "key")), event.to_bytes())

    yield publish
    await producer.close()


@pytest.fixture(scope="session")
def order():
    def lines(*product_ids, order_id, user_id):
        one = Decimal(1)
        items = [OrderLine(product_id=product_id, quantity=1, price=one, amount=one) for product_id in product_ids]
        return {"order_id": order_id, "user_id": user_id, "items": items, "total_amount": one}

    return lines
