"""A bundle small enough to check by hand: eight products, two users, one visitor."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import numpy as np
import polars as pl

from ml.bundle.bundle import About, BundleContent, History, Ranked
from ml.bundle.content import ACTIVITY, ITEMS
from ml.shelves.session import LiveState

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
CUT_AGE = timedelta(hours=12)
DAY = 86_400

MILK, BREAD, TEA, JAM, SOAP, RICE, GONE, EMPTY = range(101, 109)
"""Product ids; item index = id - 101. GONE is inactive, EMPTY is out of stock."""

MILK_ORDER = 70
"""The buyer's last order of milk, two of it, which the history and the activity both know."""

BUYER, NEWCOMER, VISITOR = "7", "8", "anon:0b9d4f1e-6a57-4f0e-9f8e-000000000001"


def items(now: datetime = NOW) -> pl.DataFrame:
    """TEA and JAM have a special price now, SOAP's has ended."""
    names = ["Milk", "Bread", "Tea", "Jam", "Soap", "Rice", "Gone", "Empty"]
    types = ["MILK", "BREAD", "TEA", "JAM", "SOAP", "RICE", "TEA", "TEA"]
    count = len(names)
    special: list[Decimal | None] = [None] * count
    special[2:5] = [Decimal("2.00"), Decimal("1.50"), Decimal("0.50")]
    return pl.DataFrame(
        {
            "product_id": range(101, 101 + count),
            "parent_id": [None] * count,
            "sku": [f"{name[0]}/{i}" for i, name in enumerate(names, start=1)],
            "name": names,
            "price": [Decimal(f"{i}.50") for i in range(1, count + 1)],
            "currency": ["USD"] * count,
            "currency_digits": [2] * count,
            "image": [None, *["/images/1.svg"] * (count - 1)],
            "rating": [0.0] * count,
            "brand": ["National"] * count,
            "department": ["GROCERY"] * count,
            "category": types,
            "product_type": types,
            "category_id": [11, 12, 13, 14, 15, 16, 13, 13],
            "category_code": types,
            "category_name": types,
            "is_active": [True] * 6 + [False, True],
            "is_recommendable": [True] * count,
            "stock": [5] * 7 + [0],
            "special_price": special,
            "special_starts_at": [now - timedelta(days=3)] * count,
            "special_ends_at": [now + timedelta(days=4)] * 4 + [now - timedelta(days=1)] * (count - 4),
        },
        schema=ITEMS,
    )


def content(now: datetime = NOW) -> BundleContent:
    """The buyer bought milk (5 times, every 7 days, last 8 days ago) and bread (once, 30 days ago), viewed jam."""
    cut_at = now - CUT_AGE
    cut = int(cut_at.timestamp())
    neighbours = np.full((8, 2), -1, dtype=np.int32)
    strengths = np.zeros((8, 2), dtype=np.float32)
    neighbours[0], strengths[0] = [1, 5], [0.9, 0.4]
    neighbours[1], strengths[1] = [3, 0], [0.8, 0.5]
    neighbours[3], strengths[3] = [1, 2], [0.8, 0.3]
    neighbours[5], strengths[5] = [0, -1], [0.4, 0.0]
    return BundleContent(
        users=pl.DataFrame({"user_id": [BUYER, NEWCOMER]}),
        items=items(now),
        activity=pl.DataFrame(
            [
                (BUYER, JAM, "VIEW", cut_at - timedelta(hours=2), None, None),
                (VISITOR, SOAP, "CART", cut_at - timedelta(hours=1), None, None),
                (BUYER, MILK, "BUY", cut_at - timedelta(days=8), MILK_ORDER, 2),
            ],
            schema=ACTIVITY,
            orient="row",
        ),
        candidates={
            "discover": Ranked(
                np.array([[3, 2, 6, 7, 5], [0, 1, 2, -1, -1]], dtype=np.int32),
                np.array([[0.9, 0.8, 0.7, 0.6, 0.5], [0.9, 0.8, 0.7, 0, 0]], dtype=np.float32),
            ),
            "repurchase": Ranked(
                np.array([[0, 1, 3], [-1, -1, -1]], dtype=np.int32),
                np.array([[0.9, 0.5, 0.1], [0, 0, 0]], dtype=np.float32),
            ),
        },
        neighbours=Ranked(neighbours, strengths),
        together=neighbours[:, 0] >= 0,
        factors=np.eye(8, dtype=np.float32),
        popularity=np.array([9, 8, 7, 6, 5, 4, 3, 2], dtype=np.float32),
        history=History(
            indptr=np.array([0, 2, 2], dtype=np.int64),
            items=np.array([0, 1], dtype=np.int32),
            counts=np.array([5, 1], dtype=np.int32),
            last_bought=np.array([cut - 8 * DAY, cut - 30 * DAY], dtype=np.int64),
            interval_days=np.array([7, 0], dtype=np.float32),
        ),
    )


def about(now: datetime = NOW) -> About:
    """Made at the cut."""
    return About(created_at=now - CUT_AGE, data_cut=now - CUT_AGE, rules_version="test", metrics={"all": 0.4})


def act(state: LiveState, kind: str, product_id: int, at: float) -> None:
    """Let a shopper do something; BUY is an order of one product, whose number is the product's, CANCEL undoes it."""
    match kind:
        case "BUY":
            state.order(product_id, at, {product_id: 1})
        case "CANCEL":
            state.cancel(product_id, at)
        case _:
            state.apply(kind, product_id, at)
