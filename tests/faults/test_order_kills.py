"""The sagas of orders and returns killed before and after every step: none is stuck, and nobody pays twice."""

import json
import subprocess
import sys
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from sqlalchemy import create_engine
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool

from services.common.storage.database import sqlalchemy_url
from services.order.domain import OrderStatus, ReturnStatus, Step
from services.order.models import Order, OrderItem, Return, ReturnItem
from tests.services.order.conftest import catalog, create, databases, others
from tests.waiting import wait_until

__all__ = ["catalog", "create", "databases", "others"]
pytestmark = pytest.mark.faults
PROCESS = Path(__file__).with_name("order_process.py")
SETTLED_WITHIN = 30
STOCK = 1_000
OF_RETURNS = (Step.REFUND, Step.RESTOCK)
UNDONE = (Step.GIVE_BACK, Step.RELEASE)


@pytest.fixture(scope="module")
def settings(broker, tokens, databases, others):
    given = {
        "database_url": databases["order"],
        "kafka_url": broker.url,
        **tokens.settings,
        "auth_signing_key_file": str(tokens.key_file("order")),
        **{f"{name}_url": url for name, url in others.items()},
        "poll_seconds": 0.05,
        "lease_seconds": 1,
        "give_up_after_seconds": 600,
    }
    return json.dumps(given)


@contextmanager
def sagas(settings, *points):
    """The service's sagas in a process that dies at these points."""
    process = subprocess.Popen([sys.executable, PROCESS, settings, *points])
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


@pytest.fixture
def place(databases):
    """Orders of one product each, as the service leaves them when they are placed."""

    def new(products):
        with Session(create_engine(sqlalchemy_url(databases["order"]), poolclass=NullPool)) as session, session.begin():
            orders = [_order(product, price) for product, price in products]
            session.add_all(orders)
            session.flush()
            return [order.id for order in orders]

    return new


def _order(product, price):
    line = OrderItem(product_id=product.id, quantity=1, price=Decimal(price), amount=Decimal(price), product_name="Tea")
    return Order(
        attempt=str(uuid4()),
        user_id="anna",
        currency="JPY",
        total_amount=Decimal(price),
        status=OrderStatus.PENDING,
        payment_method="CREDIT_CARD",
        payment_id=uuid4(),
        pay_by=datetime.now(UTC) + timedelta(minutes=15),
        step=Step.RESERVE,
        items=[line],
    )


def rows(url, query, *values):
    with psycopg.connect(url) as connection:
        return connection.execute(query, values).fetchall()


def settle(settings, databases, ids, table="orders"):
    """Let the sagas run undisturbed until nothing is left to do."""
    left = f"SELECT id, step FROM {table} WHERE id = ANY(%s) AND step IS NOT NULL"
    news = f"UPDATE {table} SET due_at = now() WHERE step = 'AWAIT_PAYMENT' AND due_at > now() RETURNING id"

    def unsettled():
        rows(databases["order"], news)  # as the events of payments do, which nobody follows here
        return rows(databases["order"], left, ids)

    with sagas(settings, "never"):
        wait_until(unsettled, lambda found: not found, seconds=SETTLED_WITHIN)


def killed_at(step, settings):
    """Let the sagas run, and die three times at a step."""
    with sagas(settings, f"before {step}", f"after {step}", f"recorded {step}") as process:
        assert process.wait(90) == 0


def outcome(databases, ids):
    """Of each order: its status, the provider's stage and what it gave back, and catalog's reservation."""
    orders = rows(databases["order"], "SELECT id, status, payment_id FROM orders WHERE id = ANY(%s)", ids)
    book = rows(databases["payment"], "SELECT id, stage, refunded::int FROM local_charges")
    charges = {charge_id: (stage, refunded) for charge_id, stage, refunded in book}
    held = dict(rows(databases["catalog"], "SELECT id, status FROM reservations"))
    return [
        (status, *charges.get(f"local_{payment_id}", (None, 0)), held.get(f"order-{order_id}"))
        for order_id, status, payment_id in sorted(orders)
    ]


CONFIRMED = ("CONFIRMED", "CAPTURED", 0, "COMMITTED")
CANCELLED = ("CANCELLED", "DECLINED", 0, "RELEASED")


@pytest.mark.timeout(300)
@pytest.mark.parametrize("step", [each for each in Step if each not in OF_RETURNS + UNDONE])
def test_orders_survive_the_death_of_their_saga(create, place, settings, databases, rounds, step):
    count, good = rounds(20, 4), "408" if step is Step.AWAIT_PAYMENT else "500"  # the first answer does not come
    fine, declined = create(good, STOCK), create("402", STOCK)
    kinds = [(declined, "402") if n % 4 == 0 else (fine, good) for n in range(count)]
    ids = place(kinds)
    killed_at(step, settings)
    settle(settings, databases, ids)
    assert outcome(databases, ids) == [CANCELLED if price == "402" else CONFIRMED for _, price in kinds]
    assert (fine.stock, declined.stock) == (STOCK - sum(price == good for _, price in kinds), STOCK)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("step", UNDONE)
def test_orders_that_are_undone_survive_the_death_of_their_saga(create, place, settings, databases, rounds, step):
    half = rounds(20, 4) // 2
    fine, declined = create("500", STOCK), create("402", STOCK)
    paid = place([(fine, "500")] * half)
    settle(settings, databases, paid)
    cancel = (
        "UPDATE orders SET status = 'CANCELLED', step = %s, due_at = now(), tries = 0 WHERE id = ANY(%s) RETURNING id"
    )
    assert len(rows(databases["order"], cancel, Step.GIVE_BACK, paid)) == half
    refused = place([(declined, "402")] * half)
    killed_at(step, settings)
    settle(settings, databases, paid + refused)
    assert outcome(databases, paid) == [("CANCELLED", "CAPTURED", 500, "RELEASED")] * half
    assert outcome(databases, refused) == [CANCELLED] * half
    assert (fine.stock, declined.stock) == (STOCK, STOCK)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("step", OF_RETURNS)
def test_returns_survive_the_death_of_their_saga(create, place, settings, databases, rounds, step):
    count, tea = rounds(20, 4), create("500", STOCK)
    ids = place([(tea, "500")] * count)
    settle(settings, databases, ids)
    with Session(create_engine(sqlalchemy_url(databases["order"]), poolclass=NullPool)) as session, session.begin():
        for order in session.query(Order).where(Order.id.in_(ids)):
            order.status = OrderStatus.DELIVERED
            session.add(_return(order))
    killed_at(step, settings)
    query = "SELECT id FROM returns WHERE order_id = ANY(%s)"
    settle(settings, databases, [each for (each,) in rows(databases["order"], query, ids)], "returns")
    assert outcome(databases, ids) == [("RETURNED", "CAPTURED", 500, "COMMITTED")] * count
    assert tea.stock == STOCK


def _return(order):
    (line,) = order.items
    return Return(
        attempt=str(uuid4()),
        order=order,
        user_id=order.user_id,
        status=ReturnStatus.APPROVED,
        reason="too small",
        refund_amount=line.amount,
        step=Step.REFUND,
        items=[ReturnItem(product_id=line.product_id, quantity=line.quantity)],
    )
