"""Simulated browsing, for the data set has none: views, cart adds and searches of the last days, from a fixed seed.

Every action is marked `simulated`; nothing is trained on it and no published figure contains it.
"""

from datetime import datetime, timedelta

import numpy as np
import polars as pl

SEED = 20_170_101
PERIOD = timedelta(days=5)
ACTIVE = timedelta(days=28)
MOST_SESSIONS, MOST_VIEWS = 3, 8
OWN_SHARE, CART_SHARE, SEARCH_SHARE = 0.5, 0.25, 0.4
SECONDS_BETWEEN = 40


def simulate(sales: pl.DataFrame, products: pl.DataFrame, until: datetime) -> pl.DataFrame:
    """What the users who bought lately could have looked at.

    Half of what somebody looks at is drawn from the own purchases of the last four weeks, half from everybody's, so
    that popular and familiar products are seen most.

    Args:
        sales: household_id, product_id, sold_at.
        products: product_id, sku, category_code, keyword.
        until: the end of the data; nothing happens later.

    Returns:
        The columns of `actions.parquet`.
    """
    random = np.random.default_rng(SEED)
    recent = sales.filter(pl.col("sold_at") > until - ACTIVE).select("household_id", "product_id")
    recent = recent.join(products, on="product_id").sort("household_id", "product_id")
    users = recent.get_column("household_id").unique().sort()
    views = _views(users, random, until)
    own = recent.group_by("household_id", maintain_order=True).agg(pl.int_range(pl.len()).len().alias("own"))
    own = own.with_columns((pl.col("own").cum_sum() - pl.col("own")).alias("first"))
    views = views.join(own, on="household_id", how="left", maintain_order="left")
    size = len(views)
    familiar = views["first"].to_numpy() + (random.random(size) * views["own"].to_numpy()).astype(np.int64)
    anything = random.integers(0, len(recent), size)
    picked = recent[np.where(random.random(size) < OWN_SHARE, familiar, anything)].drop("household_id")
    views = pl.concat([views, picked], how="horizontal")
    chance = pl.Series(random.random(size))
    return pl.concat(
        [
            _actions(views, "PRODUCT_VIEWED", 0, "sku"),
            _actions(views.filter(chance < CART_SHARE), "CART_ADD", SECONDS_BETWEEN // 2, "sku"),
            _actions(_openings(views, "SEARCH_BY_KEYWORD", random), "SEARCH_BY_KEYWORD", -10, "keyword"),
            _actions(_openings(views, "SEARCH_BY_CATEGORY", random), "SEARCH_BY_CATEGORY", -5, "category_code"),
        ],
        how="diagonal",
    ).sort("occurred_at", "source_id")


def _views(users: pl.Series, random: np.random.Generator, until: datetime) -> pl.DataFrame:
    """One row a product view: household_id, session_id, number, occurred_at."""
    sessions = pl.DataFrame({"household_id": users, "sessions": random.integers(1, MOST_SESSIONS + 1, len(users))})
    sessions = sessions.select(
        pl.col("household_id").repeat_by("sessions").explode(), pl.int_ranges("sessions").explode().alias("session")
    )
    longest = timedelta(seconds=SECONDS_BETWEEN * (MOST_VIEWS + 1))
    ago = random.random(len(sessions)) * (PERIOD - longest).total_seconds()
    began = np.datetime64(until - longest) - (ago * 1000).astype("timedelta64[ms]")
    sessions = sessions.with_columns(
        pl.format("simulated-{}-{}", "household_id", "session").alias("session_id"),
        pl.Series("began_at", began),
        pl.Series("views", random.integers(2, MOST_VIEWS + 1, len(sessions))),
    )
    views = sessions.with_columns(pl.int_ranges("views").alias("number")).explode("number")
    return views.with_columns(
        (pl.col("began_at") + pl.duration(seconds=pl.col("number") * SECONDS_BETWEEN)).alias("occurred_at")
    ).select("household_id", "session_id", "number", "occurred_at")


def _openings(views: pl.DataFrame, kind: str, random: np.random.Generator) -> pl.DataFrame:
    """The first views of those sessions that began with a search."""
    column = "keyword" if kind == "SEARCH_BY_KEYWORD" else "category_code"
    first = views.filter((pl.col("number") == 0) & pl.col(column).is_not_null())
    return first.filter(pl.Series(random.random(len(first))) < SEARCH_SHARE)


def _actions(views: pl.DataFrame, kind: str, later_seconds: int, *carries: str) -> pl.DataFrame:
    return views.select(
        pl.format("{}-{}-{}", pl.lit(kind), "session_id", "number").alias("source_id"),
        pl.col("household_id").cast(pl.String).alias("user_id"),
        "session_id",
        pl.lit(kind).alias("action_type"),
        pl.col("occurred_at") + timedelta(seconds=later_seconds),
        *carries,
        *([pl.lit(1).cast(pl.Int64).alias("quantity")] if kind == "CART_ADD" else []),
        pl.lit(value=True).alias("simulated"),
    )
