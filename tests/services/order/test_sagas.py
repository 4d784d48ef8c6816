"""How sagas are carried on, whatever their steps do."""

import asyncio
import gc
from datetime import timedelta

import psycopg
import pytest
from sqlalchemy import text

from services.common.storage.database import Database
from services.common.storage.migrate import migrate
from services.contracts.payments import PaymentMethod
from services.contracts.setting_errors import SettingError
from services.order.models import Order
from services.order.sagas import MOST_AT_ONCE, Sagas
from services.order.service import wake
from services.order.settings import OrderSettings
from services.order.steps import MARGIN, Wait, again
from tests.waiting import eventually

EACH = MOST_AT_ONCE - 5
DUE = """
    INSERT INTO orders (id, attempt, user_id, total_amount, status, payment_method, payment_id, pay_by, step)
    SELECT n, n, 'anna', 500, 'PENDING', 'CREDIT_CARD', gen_random_uuid(), now(), 'RESERVE'
    FROM generate_series(1, %(each)s) AS n;
    INSERT INTO returns (id, attempt, order_id, user_id, status, reason, step)
    SELECT n, n, n, 'anna', 'APPROVED', 'too small', 'REFUND' FROM generate_series(1, %(each)s) AS n
"""


@pytest.fixture
def url(database):
    url = database("order")
    migrate("order", url)
    return url


class HeldSteps:
    """Steps that are not done until the gate opens, and not even then."""

    def __init__(self):
        self.gate, self.begun = asyncio.Event(), 0

    async def do(self, *_):
        self.begun += 1
        await self.gate.wait()
        return Wait(timedelta(days=1))


async def test_a_process_carries_on_no_more_sagas_at_once_than_it_may(url):
    with psycopg.connect(url) as connection:
        for statement in DUE.split(";"):
            connection.execute(statement, {"each": EACH})
    database, steps, stop = Database(url), HeldSteps(), asyncio.Event()
    settings = OrderSettings(database_url=url, poll_seconds=0.01, lease_seconds=600)
    sagas, looks = Sagas(database, steps, settings), []
    sagas.heartbeat = lambda: looks.append(steps.begun)
    running = asyncio.create_task(sagas.run(stop))
    await eventually(lambda: running.done() or len(looks) > 5)
    assert (running.done(), looks[-1]) == (False, MOST_AT_ONCE)
    steps.gate.set()
    await eventually(lambda: steps.begun, lambda begun: begun == 2 * EACH)
    stop.set()
    await running
    await database.close()


async def test_a_saga_is_in_one_process_at_a_time(url):
    with psycopg.connect(url) as connection:
        for statement in DUE.split(";"):
            connection.execute(statement, {"each": 2})
    database, steps, stop, looks = Database(url), HeldSteps(), asyncio.Event(), []
    processes = [Sagas(database, steps, OrderSettings(database_url=url, poll_seconds=0.01)) for _ in range(2)]
    for each in processes:
        each.heartbeat = lambda: looks.append(steps.begun)
    running = [asyncio.create_task(each.run(stop)) for each in processes]
    await eventually(lambda: len(looks) > 10)
    assert steps.begun == 4
    steps.gate.set()
    stop.set()
    await asyncio.gather(*running)
    await database.close()


async def test_a_step_that_cannot_be_recorded_is_told_of_and_is_done_again_after_its_lease(url, monkeypatch, caplog):
    with psycopg.connect(url) as connection:
        for statement in DUE.split(";"):
            connection.execute(statement, {"each": 1})
    database, steps, stop, complaints = Database(url), HeldSteps(), asyncio.Event(), []
    sagas = Sagas(database, steps, OrderSettings(database_url=url, poll_seconds=0.01, lease_seconds=0.5))
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context["message"]))

    async def fails(*_, **__):
        raise OSError

    steps.gate.set()
    monkeypatch.setattr(sagas, "_record", fails)
    running = asyncio.create_task(sagas.run(stop))
    await eventually(lambda: steps.begun, lambda begun: begun > 2)  # an order and a return, and one of them again
    stop.set()
    await running
    gc.collect()  # of an error that nobody has looked at, asyncio tells only now
    assert "a saga goes on when its lease is over" in caplog.text
    assert complaints == []
    await database.close()


async def test_news_of_a_payment_make_due_what_waits_for_it(url):
    with psycopg.connect(url) as connection:
        for statement in DUE.split(";"):
            connection.execute(statement, {"each": 2})
        connection.execute("UPDATE orders SET step = 'AWAIT_PAYMENT', due_at = now() + interval '1 day'")
        connection.execute("UPDATE returns SET due_at = now() + interval '1 day'")
    database = Database(url)
    async with database.sessions.begin() as session:
        await wake(session, [2])
    async with database.sessions() as session:
        due = [
            await session.scalar(text(f"SELECT id FROM {each} WHERE due_at <= now()")) for each in ("orders", "returns")
        ]
    assert due == [2, 2]
    await database.close()


async def test_sagas_are_looked_for_once_their_change_is_committed(url):
    database = Database(url)
    sagas = Sagas(database, HeldSteps(), OrderSettings(database_url=url))
    async with database.sessions() as session:
        await session.execute(text("SELECT 1"))
        sagas.wake_after(session)
        assert not sagas._news.is_set()
        await session.commit()
    assert sagas._news.is_set()
    await database.close()


@pytest.mark.parametrize(("name", "most"), [("transfer_within_days", 29), ("pay_within_minutes", 29 * 24 * 60)])
def test_no_order_waits_longer_than_catalog_holds_its_stock(name, most):
    longest = OrderSettings(database_url="postgresql://order", **{name: most})
    assert max(longest.hold(each) for each in PaymentMethod) + MARGIN < timedelta(days=30)
    with pytest.raises(SettingError, match=f"less than or equal to {most}"):
        OrderSettings(database_url="postgresql://order", **{name: most + 1})


def test_what_is_not_done_yet_is_asked_about_less_and_less_often():
    pauses = [again(Order(tries=tries)).pause.total_seconds() for tries in (0, 1, 2, 5, 6, 10_000)]
    assert pauses == [1, 2, 4, 32, 60, 60]
