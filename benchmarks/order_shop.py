"""The five services of a purchase as the stack starts them, each one process, on one real Postgres and a real broker.

with order_shop() as shop:
    shop.stock(1, 10)                       # 10 pieces of product 1, at 500 yen
    shop.fill(["u1", "u2"], product_id=1)   # one in each cart, and an address
    shop.order("u1")                        # the request, as it goes over the wire
    shop.settled(); shop.outcomes()         # once no order has anything left to do
"""

import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from uuid import uuid4

import orjson
import psycopg

from benchmarks.brokers import started
from benchmarks.load import request
from services.common.storage.migrate import migrate
from services.contracts.kafka import KafkaSettings
from services.contracts.signing import Signer
from services.contracts.vault import ensure_keys
from stack.databases import create_database
from stack.keys import Keyring
from stack.liveness import http_probe
from stack.parts.postgres import Postgres
from stack.parts.process import HOST, Process, free_port
from stack.state import BrokerKind
from stack.topics import create_topics

SERVICES: Final = ("catalog", "profile", "cart", "payment", "order")
SIGNING: Final = ("profile", "cart", "order")
PASSWORD: Final = "benchmark"  # noqa: S105 - of servers of ours, for now
ADDRESS: Final = {"addresses": [{"id": "home", "name": "A", "countryCode": "JP", "isDefault": True}]}
BODY: Final = orjson.dumps({"paymentMethod": "CREDIT_CARD"})
_PRODUCT = """
INSERT INTO products (id, sku, name, price, currency, rating, stock, is_active)
VALUES (%(id)s, 'p' || %(id)s, 'Product', 500, 'JPY', 0, %(stock)s, true)
"""
_ITEMS = """
INSERT INTO cart_items
    (user_id, product_id, quantity, added_price, currency, sku, product_name, product_price, stock, is_active)
SELECT unnest(%s::text[]), %s, 1, 500, 'JPY', 'p', 'Product', 500, 1, true
"""
_USERS = "INSERT INTO users (id, address) SELECT unnest(%s::text[]), %s ON CONFLICT (id) DO NOTHING"


@dataclass(frozen=True)
class OrderShop:
    """The running services: the order service's port, and every database's URL."""

    port: int
    databases: dict[str, str]
    signer: Signer

    def stock(self, product_id: int, pieces: int) -> None:
        """A new product."""
        with psycopg.connect(self.databases["catalog"]) as connection:
            connection.execute(_PRODUCT, {"id": product_id, "stock": pieces})

    def left(self, product_id: int) -> int:
        """How many pieces of a product can still be sold."""
        with psycopg.connect(self.databases["catalog"]) as connection:
            row = connection.execute("SELECT stock FROM products WHERE id = %s", [product_id]).fetchone()
            return int(row[0]) if row else 0

    def fill(self, users: Sequence[str], product_id: int) -> None:
        """Put one piece into the cart of each of these users, who have an address."""
        with psycopg.connect(self.databases["profile"]) as connection:
            connection.execute(_USERS, [list(users), orjson.dumps(ADDRESS).decode()])
        with psycopg.connect(self.databases["cart"]) as connection:
            connection.execute(_ITEMS, [list(users), product_id])

    def order(self, user: str) -> bytes:
        """A request that orders what is in the user's cart."""
        return request("POST", "/v1/orders", token=self.signer.user_token(user), body=BODY, key=str(uuid4()))

    def settled(self, seconds: float = 60) -> bool:
        """Wait until no order has anything left to do; False if some have."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            with psycopg.connect(self.databases["order"]) as connection:
                row = connection.execute("SELECT count(*) FROM orders WHERE step IS NOT NULL").fetchone()
            if row == (0,):
                return True
            time.sleep(0.2)
        return False

    def outcomes(self, users: Sequence[str]) -> list[tuple[str, float]]:
        """The status of each order of these users, and the seconds from placing it to its confirmation."""
        query = (
            "SELECT status, coalesce(extract(epoch FROM confirmed_at - ordered_at), 0)::float FROM orders"
            " WHERE user_id = ANY(%s) ORDER BY id"
        )
        with psycopg.connect(self.databases["order"]) as connection:
            return connection.execute(query, [list(users)]).fetchall()


@contextmanager
def order_shop() -> Iterator[OrderShop]:
    """Start the services; they end with the context."""
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tanawari-orders-")))
        postgres = Postgres(home / "postgres", password=PASSWORD)
        stack.enter_context(postgres)
        broker = started(BrokerKind.EMBEDDED, home / "broker")
        stack.enter_context(broker)
        databases = {name: create_database(postgres.url(), name, PASSWORD) for name in SERVICES}
        for name, url in databases.items():
            migrate(name, url)
        asyncio.run(create_topics(KafkaSettings(kafka_url=broker.url)))
        keys = Keyring(home / "keys").ensure()
        ensure_keys(home / "payment-keys.json")
        ports = {name: free_port() for name in SERVICES}
        common = {
            **os.environ,
            **{f"{name.upper()}_URL": f"http://{HOST}:{port}" for name, port in ports.items()},
            **{f"{name.upper()}_DATABASE_URL": url for name, url in databases.items()},
            "PAYMENT_KEYS_FILE": str(home / "payment-keys.json"),
            "PAYMENT_LOCAL_PASSWORD": PASSWORD,
            "KAFKA_URL": broker.url,
            "AUTH_ISSUER": keys.issuer,
            "AUTH_JWKS_URL": keys.published.as_uri(),
        }
        for name, port in ports.items():
            own = {"AUTH_SIGNING_KEY_FILE": str(keys.private(name))} if name in SIGNING else {}
            server = (sys.executable, "-m", "services.common.web.server", f"services.{name}.app:create_app")
            is_ready = http_probe(f"http://{HOST}:{port}/health/ready", 1)
            command = [*server, "--port", str(port)]
            log = home / f"{name}.log"
            stack.enter_context(Process(name, command, log, environment={**common, **own}, is_ready=is_ready))
        yield OrderShop(ports["order"], databases, keys.signer("auth"))
