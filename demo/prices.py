"""What the sales tell about products: shelf prices, the offers of the last week, and a stock."""

from datetime import datetime, timedelta

import polars as pl

RECENT = timedelta(days=28)
OFFER_WEEK = timedelta(days=7)
OFFER_LENGTH = timedelta(days=14)
STOCK_PERIOD = timedelta(weeks=12)
STOCK_COVER = timedelta(weeks=4)
STOCK_MEMORY = timedelta(weeks=26)
FEWEST_IN_STOCK, MOST_IN_STOCK = 5, 10_000

SHELF = (pl.col("sales_value") + pl.col("retail_disc") + pl.col("coupon_match_disc")) / pl.col("quantity")
"""The price on the shelf for one unit, before the loyalty card's discount and what the store adds to a coupon."""
LOYALTY = (pl.col("sales_value") + pl.col("coupon_match_disc")) / pl.col("quantity")
"""What a holder of the loyalty card is asked for one unit."""


def shelf_prices(sales: pl.DataFrame) -> pl.DataFrame:
    """The median shelf price of each product in the last four weeks in which it sold.

    Args:
        sales: product_id, sold_at, quantity (above 0), sales_value, retail_disc, coupon_match_disc.

    Returns:
        product_id, price (float, at least one cent).
    """
    recent = sales.filter(pl.col("sold_at") > pl.col("sold_at").max().over("product_id") - RECENT)
    return recent.group_by("product_id").agg(SHELF.median().round(2).clip(0.01).alias("price"))


def offers(sales: pl.DataFrame, prices: pl.DataFrame, until: datetime) -> pl.DataFrame:
    """The discounts of the last week as special prices that hold for two weeks from its beginning.

    A product counts if most of its sales of that week were discounted and the price is really below the shelf's.

    Returns:
        product_id, special_price (float), special_starts_at, special_ends_at.
    """
    starts_at = until - OFFER_WEEK
    discounted = (
        sales.filter(pl.col("sold_at") > starts_at)
        .group_by("product_id")
        .agg((pl.col("retail_disc") > 0).mean().alias("share"), LOYALTY.median().round(2).alias("special_price"))
        .join(prices, on="product_id")
        .filter((pl.col("share") > 1 / 2) & (pl.col("special_price") < pl.col("price")) & (pl.col("special_price") > 0))
    )
    return discounted.select(
        "product_id",
        "special_price",
        pl.lit(starts_at).alias("special_starts_at"),
        pl.lit(starts_at + OFFER_LENGTH).alias("special_ends_at"),
    )


def stocks(sales: pl.DataFrame, until: datetime) -> pl.DataFrame:
    """Four weeks' sales at the pace of the last twelve; nothing of what has not sold for half a year.

    Returns:
        product_id, stock.
    """
    sold = pl.col("quantity").filter(pl.col("sold_at") > until - STOCK_PERIOD).sum()
    stock = (sold * (STOCK_COVER / STOCK_PERIOD)).ceil().cast(pl.Int64).clip(FEWEST_IN_STOCK, MOST_IN_STOCK)
    return sales.filter(pl.col("sold_at") > until - STOCK_MEMORY).group_by("product_id").agg(stock.alias("stock"))
