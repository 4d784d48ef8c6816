from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

START = datetime(2026, 1, 1, tzinfo=UTC)
CUT = START + timedelta(days=100)

# user, product, day; every user has each basket on a day of its own
BOUGHT = [
    ("ann", 1, 10), ("ann", 2, 10), ("ann", 1, 40), ("ann", 3, 70), ("ann", 1, 95),
    ("bob", 1, 20), ("bob", 2, 20), ("bob", 2, 60), ("bob", 4, 90), ("bob", 5, 90),
    ("cid", 2, 30), ("cid", 3, 30), ("cid", 3, 80), ("cid", 5, 94),
    ("dot", 4, 15), ("dot", 5, 50), ("dot", 6, 85), ("dot", 5, 96),
    ("eve", 6, 25), ("eve", 4, 65), ("eve", 1, 98),
]  # fmt: skip
COLD, INACTIVE, UNRECOMMENDABLE = 8, 7, 9


def lines(bought: Iterable[tuple[str, int, int]]) -> pl.DataFrame:
    rows = list(bought)
    users = sorted({user for user, _, _ in rows})
    return pl.DataFrame(
        {
            "user_id": pl.Series([user for user, _, _ in rows], dtype=pl.String),
            "product_id": pl.Series([product for _, product, _ in rows], dtype=pl.Int64),
            "order_id": pl.Series([1000 * users.index(user) + day for user, _, day in rows], dtype=pl.Int64),
            "ordered_at": pl.Series([START + timedelta(days=day) for *_, day in rows], dtype=pl.Datetime("us", "UTC")),
        }
    )


def catalogue(*products: int) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "product_id": products,
            "department": ["GROCERY"] * len(products),
            "category": ["MILK" if product % 2 else "BREAD" for product in products],
            "product_type": ["WHOLE MILK" if product % 2 else "RYE BREAD" for product in products],
            "brand": ["National"] * len(products),
            "price": [float(product) for product in products],
            "is_active": [product != INACTIVE for product in products],
            "is_recommendable": [product != UNRECOMMENDABLE for product in products],
        },
        schema_overrides={"product_id": pl.Int64},
    )


@pytest.fixture
def make_lines() -> Callable[[Iterable[tuple[str, int, int]]], pl.DataFrame]:
    """Purchase lines from (user, product, day)."""
    return lines


@pytest.fixture
def make_items() -> Callable[..., pl.DataFrame]:
    """A catalogue of the products named; 7 is inactive, 9 not recommendable, odd ones are milk, even ones bread."""
    return catalogue


@pytest.fixture
def interactions() -> pl.DataFrame:
    """Five shoppers and products 1 to 6, of which 7 (inactive), 8 (new) and 9 (not recommendable) were never bought."""
    return lines([*BOUGHT, ("ann", INACTIVE, 40), ("bob", UNRECOMMENDABLE, 60)])


@pytest.fixture
def items() -> pl.DataFrame:
    return catalogue(*range(1, 10))


@pytest.fixture
def cut() -> datetime:
    """Day 100."""
    return CUT
