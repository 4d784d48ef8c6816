"""The routes of reports: what all shoppers did."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from functools import partial
from typing import Annotated, Final

import orjson
from fastapi import Depends, Path, Query, Request, Response

from services.analytics import reports
from services.analytics.models import Product
from services.analytics.schemas_reports import (
    Day,
    Funnel,
    FunnelDay,
    PopularProduct,
    PopularProducts,
    ProductStatistics,
    SearchTerm,
    SearchTerms,
    TrendingProduct,
    TrendingProducts,
    Window,
)
from services.analytics.windows import KEPT_SECONDS, lines, seconds_of
from services.common.identity.policy import PUBLIC, role
from services.common.runtime.errors import Fault, Unprocessable, problems
from services.common.runtime.outages import is_unavailable
from services.common.web.references import ProductReference
from services.common.web.routing import Router

MOST: Final = 100
MOST_TERMS: Final = 500
MOST_DAYS: Final = 31
READER: Final = role("analyst", "merchandiser", "operator", "admin")
router = Router()
Days = Annotated[Window, Query()]
Limit = Annotated[int, Query(ge=1, le=MOST)]


class BadPeriod(Unprocessable):
    """The days are in the wrong order, too many, or not there yet."""

    title = "Bad period"


@router.get("/v1/products/popular", dependencies=[PUBLIC], response_model=PopularProducts)
async def popular(request: Request, days: Days = Window.WEEK, limit: Limit = 20) -> Response:
    """The products that most users viewed or put in the cart; of a day up to a minute old, of a quarter an hour."""
    query = partial(reports.popular, days=days, limit=MOST)
    items = await lines(request.app.state, f"popular:{days}", KEPT_SECONDS[days], query, PopularProduct)
    return _of_window(days, (await _sold(request, items))[:limit])


@router.get("/v1/products/trending", dependencies=[PUBLIC], response_model=TrendingProducts)
async def trending(request: Request, days: Days = Window.WEEK, limit: Limit = 20) -> Response:
    """The products that more users viewed or put in the cart than in as many days before; as old as what is popular."""
    query = partial(reports.trending, days=days, limit=MOST)
    items = await lines(request.app.state, f"trending:{days}", KEPT_SECONDS[days], query, TrendingProduct)
    return _of_window(days, (await _sold(request, items))[:limit])


@router.get("/v1/funnel", dependencies=[READER], response_model=Funnel)
async def funnel(
    request: Request,
    since: Annotated[Day | None, Query(alias="from")] = None,
    to: Day | None = None,
) -> Response:
    """From views over carts to orders, by day of the shop: the last week, or up to 31 days.

    A day is up to an hour old, one of the last week up to a minute.
    """
    zone = request.app.state.settings.zone
    days = _days(since, to, datetime.now(zone).date())
    items = [
        line
        for day in days
        for line in await lines(
            request.app.state,
            f"funnel:{day}",
            seconds_of(day, zone),
            partial(reports.funnel, day=day, zone=zone),
            FunnelDay,
        )
    ]
    return _json(b'{"items":[%b]}' % b",".join(items))


@router.get("/v1/search-terms", dependencies=[READER], response_model=SearchTerms)
async def search_terms(
    request: Request,
    days: Days = Window.WEEK,
    without_results: Annotated[bool, Query(alias="withoutResults")] = False,  # noqa: FBT002 - a query parameter
    limit: Annotated[int, Query(ge=1, le=MOST_TERMS)] = 50,
) -> Response:
    """What people searched for, or only what found nothing; as old as what is popular."""
    query = partial(reports.search_terms, days=days, limit=MOST_TERMS, only_without_result=without_results)
    kind = "without-results" if without_results else "all"
    items = await lines(request.app.state, f"search-terms:{kind}:{days}", KEPT_SECONDS[days], query, SearchTerm)
    return _of_window(days, items[:limit])


async def _product(request: Request, reference: Annotated[ProductReference, Path(alias="productId")]) -> Product:
    async with request.app.state.database.sessions() as session:  # given back before the report takes one
        return await reports.product_of(session, reference)


@router.get(
    "/v1/products/{productId:product}/statistics",
    dependencies=[READER],
    response_model=ProductStatistics,
    responses=problems(404),
)
async def statistics(
    request: Request, product: Annotated[Product, Depends(_product)], days: Days = Window.MONTH
) -> Response:
    """How often a product was viewed, put in the cart and reviewed, by day; sales are in the warehouse."""
    query = partial(reports.statistics, product=product, days=days, zone=request.app.state.settings.zone)
    key = f"statistics:{product.id}:{days}"
    (item,) = await lines(request.app.state, key, KEPT_SECONDS[days], query, ProductStatistics)
    return _json(item)


async def _sold(request: Request, items: Sequence[bytes]) -> list[bytes]:
    """The lines of products that are still sold: everybody reads them, and they may be kept for an hour.

    While the database is unavailable, what is kept is the answer.
    """
    ids = [orjson.loads(item)["productId"] for item in items]
    try:
        async with request.app.state.database.sessions() as session:
            sold = await reports.sold(session, ids)
    except Exception as error:
        if not is_unavailable(error):
            raise
        return list(items)
    return [item for item, product_id in zip(items, ids, strict=True) if product_id in sold]


def _days(since: date | None, to: date | None, today: date) -> list[date]:
    """The days that are asked for.

    Raises:
        BadPeriod: see the class.
    """
    last = to or today
    first = since or last - timedelta(days=Window.WEEK - 1)
    for field, is_wrong, message in (
        ("to", last > today, "lies in the future"),
        ("from", first > last, "lies after `to`"),
        ("from", (last - first).days >= MOST_DAYS, f"is more than {MOST_DAYS} days before the end"),
    ):
        if is_wrong:
            raise BadPeriod("There is no such period.", errors=[Fault(field=f"query.{field}", message=message)])
    return [first + timedelta(days=place) for place in range((last - first).days + 1)]


def _of_window(days: Window, items: Sequence[bytes]) -> Response:
    return _json(b'{"days":%d,"items":[%b]}' % (days, b",".join(items)))


def _json(content: bytes) -> Response:
    return Response(content, media_type="application/json")
