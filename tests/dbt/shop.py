"""A shop whose events land in the real landing tables, and the events that make it up."""

import json
import random
import uuid
from collections.abc import Callable, Iterable
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import psycopg
from psycopg import sql

from services.contracts.registry import EVENTS, parse
from services.contracts.topics import TOPICS
from stack.databases import Warehouse
from warehouse.lanes import take

MARTS = ("core", "behaviour", "merchandising", "recommendation")
NOON = datetime(2026, 1, 10, 17, tzinfo=UTC)
"""12:00 in New York."""


class Shop:
    """Lands events as the loader does, and runs dbt as its own role."""

    def __init__(self, warehouse: Warehouse, run_dbt: Callable[..., None]) -> None:
        self.warehouse = warehouse
        self._run_dbt = run_dbt

    def moved_to(self, warehouse: Warehouse) -> "Shop":
        return Shop(warehouse, self._run_dbt)

    @property
    def database(self) -> str:
        """The name of its database."""
        return self.warehouse.dbt.rpartition("/")[2]

    def dbt(self, *arguments: str, **variables: str) -> None:
        self._run_dbt(*arguments, warehouse=self.warehouse, **variables)

    def last_run(self) -> int:
        [(number,)] = self.rows("select max(number) from transformation.runs")
        return number

    def build(self, *arguments: str, **variables: str) -> None:
        """`dbt build`, the unit tests aside: they know nothing of this shop."""
        self.dbt("build", "--exclude-resource-type", "unit_test", *arguments, **variables)

    @contextmanager
    def landing(self, partition: int | None = 0):
        """A landing transaction of its own; it commits when the block ends. Two at once need two partitions."""
        with psycopg.connect(self.warehouse.loader) as connection:
            yield lambda *events: land(connection, events, partition)

    def land(self, *events: dict) -> None:
        with self.landing() as into:
            into(*events)

    def rows(self, query: str) -> list[tuple]:
        with psycopg.connect(self.warehouse.dbt) as connection:
            return connection.execute(query).fetchall()

    def owner(self, statement: str) -> None:
        """Do what only the warehouse's owner may."""
        with psycopg.connect(self.warehouse.owner) as connection:
            connection.execute(statement)

    def marts(self) -> dict[str, list[str]]:
        """Every row of every mart as text."""
        with psycopg.connect(self.warehouse.dbt) as connection:
            tables = connection.execute(
                "select table_schema, table_name, array_agg(column_name::text order by column_name) "
                "from information_schema.columns where table_schema = any(%s) group by 1, 2",
                (list(MARTS),),
            ).fetchall()
            return {
                f"{schema}.{table}": sorted(str(row) for row in connection.execute(select(schema, table, columns)))
                for schema, table, columns in tables
            }

    def refreshed_marts(self) -> dict[str, list[str]]:
        self.build("--full-refresh")
        return self.marts()


def select(schema: str, table: str, columns: Iterable[str]) -> sql.Composed:
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    return sql.SQL("select {} from {}").format(names, sql.Identifier(schema, table))


def land(connection: psycopg.Connection, events: Iterable[dict], partition: int | None = 0) -> None:
    for event in events:
        topic = EVENTS[event["eventType"]].topic
        parse(topic, json.dumps(event).encode())  # what breaks the contract is no test of dbt
        connection.execute(
            sql.SQL(
                "insert into raw.{} (event_id, event_type, schema_version, occurred_at, producer, key, data, topic, "
                "kafka_partition, kafka_offset, lane, number) "
                "values (%s, %s, 1, %s, 'test', '', %s, %s, %s, 0, %s, %s) on conflict do nothing"
            ).format(sql.Identifier(TOPICS[topic].table)),
            (event["eventId"], event["eventType"], event["timestamp"], json.dumps(event["data"]), topic, partition or 0,
             *take(connection, [(topic, partition)], 1)[topic, partition]),
        )  # fmt: skip


def event(kind: str, hours: float = 0, **data) -> dict:
    """An event some hours after noon of 10 January 2026 in New York, with a payload in the wire's words."""
    return {
        "eventId": str(uuid.uuid4()),
        "eventType": kind,
        "timestamp": (NOON + timedelta(hours=hours)).isoformat(),
        "producer": "test",
        "data": data,
    }


def order(order_id: int, *lines: tuple[int, int], user: str = "ann", hours: float = 0) -> dict:
    """A completed order of (product, quantity) lines at 2.00 a unit."""
    items = [
        {"productId": product, "quantity": quantity, "price": "2.00", "amount": f"{2 * quantity}.00"}
        for product, quantity in lines
    ]
    total = f"{sum(2 * quantity for _, quantity in lines)}.00"
    return event("ORDER_COMPLETED", hours, orderId=order_id, userId=user, items=items, totalAmount=total)


def begun(completed: dict, hours: float = 0) -> dict:
    """The same order at its beginning, some hours after noon."""
    return event("ORDER_CREATED", hours, **completed["data"])


def uuid_of(number: int) -> str:
    """The id of a payment or refund of that number."""
    return str(uuid.UUID(int=number))


def payment(what: str, order_id: int, amount: str, hours: float = 0, user: str = "ann", **more: str) -> dict:
    """What becomes of an order's one payment, such as COMPLETED."""
    facts = {"paymentId": uuid_of(order_id), "orderId": order_id, "userId": user, "amount": amount, "currency": "JPY"}
    return event(f"PAYMENT_{what}", hours, **facts, **more)


def refund(number: int, order_id: int, amount: str, hours: float = 0, user: str = "ann") -> dict:
    facts = {"refundId": uuid_of(number), "paymentId": uuid_of(order_id), "orderId": order_id, "userId": user}
    return event("REFUND_COMPLETED", hours, **facts, amount=amount, currency="JPY")


def cart(what: str, product_id: int, quantity: int, hours: float = 0, user: str = "ann", **more: int) -> dict:
    """A product being ADDED, CHANGED or REMOVED."""
    facts = {"userId": user, "cartItemId": product_id, "productId": product_id, "quantity": quantity}
    return event(f"CART_ITEM_{what}", hours, **facts, currency="JPY", productPrice="2", **more)


def sent_back(return_id: int, order_id: int, *lines: tuple[int, int], hours: float = 0, user: str = "ann",
              what: str = "COMPLETED", **more: str) -> dict:  # fmt: skip
    """A return of (product, quantity) lines, REQUESTED or COMPLETED."""
    items = [{"productId": product_id, "quantity": quantity} for product_id, quantity in lines]
    return event(f"RETURN_{what}", hours, returnId=return_id, orderId=order_id, userId=user, items=items, **more)


def product(product_id: int, *category_ids: int, name: str = "Tea", hours: float = -48, **more: int) -> dict:
    return event(
        "PRODUCT_CREATED", hours, productId=product_id, sku=f"P{product_id}", name=name, price="2.00", stock=5,
        categoryIds=list(category_ids), **more,
    )  # fmt: skip


def category(category_id: int, code: str, hours: float = -48, **more: int) -> dict:
    level = 1 + code.count(" > ")
    name = f"{category_id} {code}"
    return event("CATEGORY_CREATED", hours, categoryId=category_id, code=code, name=name, level=level, **more)


SOLD = (
    *(category(90, "GROCERY > TEA"), product(90, 90), order(90, (90, 1))),
    *(order(91, (90, 1)), sent_back(91, 91, (90, 1), hours=1)),
)
"""What recommenders learn from whatever a shuffled history has, for a product and against it."""


def shuffled_history(seed: int, count: int) -> list[dict]:
    """Events about some fifty of everything, their times drawn independently of the order they arrive in.

    A run brings few of them, so that most is not touched again by chance: then what a model forgets to touch shows.
    """
    draw = random.Random(seed)

    def one() -> dict:
        hours, order_id, user = draw.uniform(0, 72), draw.randint(1, 50), f"user{draw.randint(1, 50)}"
        item, tree = draw.randint(1, 50), draw.randint(1, 9)
        shelf = {"displayType": "SALE", "productId": item, "rank": draw.randint(1, 3)}
        answer = {"recommendationId": f"r{draw.randint(1, 20)}", "userId": user}
        answer |= draw.choice([{}, {"experiment": "shelves", "arm": draw.choice(["a", "b"])}])
        visitor = {"userId": f"user{draw.randint(1, 4)}", "sessionId": draw.choice(["a", "b", "c"])}
        version, change = draw.randint(0, 3), draw.choice(["CREATED", "UPDATED", "DELETED"])
        account, browser = {"userId": f"user{draw.randint(1, 9)}"}, f"anon:{draw.randint(1, 4)}"
        lines = [(draw.randint(1, 50), draw.randint(1, 7)) for _ in range(draw.randint(0, 3))]
        return draw.choice([
            lambda: order(order_id, *lines, user=user, hours=hours),
            lambda: begun(order(order_id, *lines, user=user), hours),
            lambda: event("ORDER_CANCELLED", hours, orderId=draw.randint(40, 60), userId=user, reason=f"of {user}"),
            lambda: sent_back(draw.randint(1, 20), order_id, *((item, draw.randint(1, 3)) for _ in lines), hours=hours,
                              user=user, what=draw.choice(["REQUESTED", "COMPLETED"]), reason=f"of {user}"),
            lambda: payment(draw.choice(["AUTHORIZED", "COMPLETED", "FAILED"]), order_id, "2", hours, user),
            lambda: refund(draw.randint(1, 50), order_id, "1", hours, user),
            lambda: cart(draw.choice(["ADDED", "CHANGED"]), item, draw.randint(0, 3), hours, user),
            lambda: cart("REMOVED", item, 0, round(hours), draw.choice([user, browser]), orderId=order_id),
            lambda: product(item, *range(1, tree, 2), name=draw.choice(["Tea", "Milk"]), hours=hours,
                            productVersion=version, stockVersion=draw.randint(0, 3),
                            **draw.choice([{}, {"parentId": draw.randint(1, 50)}])),
            lambda: event("PRODUCT_DELETED", hours, productId=item, sku=f"P{item}"),
            lambda: event("STOCK_CHANGED", hours, productId=item, stock=draw.randint(0, 9), stockVersion=version),
            lambda: event("SPECIAL_PRICE_SET", hours, productId=item, specialPrice="1.00",
                          startDate=NOON.isoformat(), offerVersion=version),
            lambda: event("SPECIAL_PRICE_ENDED", hours, productId=item, offerVersion=version),
            lambda: category(tree, draw.choice(["FUEL > GAS", "GROCERY > TEA", "DELI > HAM > RAW", "DELI"]), hours,
                             categoryVersion=version),
            lambda: event("CATEGORY_DELETED", hours, categoryId=tree, code="GROCERY"),
            lambda: event("PRODUCT_VIEWED", hours, userId=user, productId=item, simulated=draw.random() < 0.2),
            lambda: event("SEARCH_BY_KEYWORD", hours, **draw.choice([visitor, account]),
                          searchKeyword=draw.choice(["Tea", "tea ", "milk"]),
                          requestID=draw.choice(["s1", "s2", None]), resultCount=draw.randint(0, 2)),
            lambda: event("SEARCH_BY_CATEGORY", hours, userId=user, searchCategoryId=tree),
            lambda: event("PRODUCT_VIEWED", hours, **visitor, productId=item, requestID=draw.choice(["s1", None])),
            lambda: order(order_id, *lines, user=visitor["userId"], hours=hours),
            lambda: event("CART_ADD", hours, **visitor, productId=item, isBot=draw.random() < 0.1,
                          requestID=draw.choice(["s1", None]),
                          **draw.choice([{}, {"utmSource": "mail"}, {"utmCampaign": "spring"}])),
            lambda: event("CART_REMOVE", round(hours), **visitor, productId=item),  # at the same moment as others
            lambda: event("ORDER_COMPLETE", hours, userId=user, orderId=order_id),
            lambda: event("PRODUCT_VIEWED", hours, userId=browser, productId=item, sessionId=browser),
            lambda: event("CART_ADD", round(hours), userId=browser, productId=item),  # maybe when somebody logs in
            lambda: event("USER_AUTHENTICATED", round(hours), **account, email="", visitorId=browser),
            lambda: draw.choice([
                event("USER_AUTHENTICATED", hours, **account, email=""),
                event("USER_LOGOUT", hours, **account),
                event("USER_REGISTERED", hours, **account, email="", accountVersion=version),
                event(draw.choice(["USER_DISABLED", "USER_ENABLED"]), hours, **account, accountVersion=version),
                event("USER_DELETED", hours, **account),
                event("USER_PROFILE_UPDATED", hours, **account, personalisationConsent=draw.random() < 0.5,
                      optedOutShelves=draw.sample(["SALE", "DAILY_DEAL"], version % 3), profileVersion=version),
            ]),
            lambda: draw.choice([
                event("DISPLAY_CHANGED", hours, displayId=item, change=change, displayType="SALE", productId=item),
                event("REVIEW_UPDATED", hours, reviewId=tree, productId=item, rating=1 + version,
                      submittedAt=NOON.isoformat(), reviewVersion=version, isHidden=version == 0),
                event("REVIEW_DELETED", hours, reviewId=tree, productId=item),
                event("BANNER_CHANGED", hours, bannerId=tree, change=change, placement="TOP", campaignId=item),
                event("CAMPAIGN_CHANGED", hours, campaignId=tree, change=change, name=f"Campaign {version}"),
                event("GENERATION_ACTIVATED", hours, generation=f"g{tree}", bundle="b", rows=item),
            ]),
            lambda: event("RECOMMENDATION_SHOWN", hours, **answer, items=[shelf]),
            lambda: event("RECOMMENDATION_CLICKED", hours, **answer, **shelf),
        ])()  # fmt: skip

    return [one() for _ in range(count)]
