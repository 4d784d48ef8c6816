"""Queries: display rows with the catalog data of their products, and generations."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import (
    ColumnElement,
    Row,
    RowMapping,
    Select,
    and_,
    func,
    literal_column,
    select,
    true,
    union_all,
    update,
)
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from services.common.storage.latest import latest
from services.common.web.references import ProductReference
from services.content.domain import DisplayRow
from services.content.models import (
    Activation,
    ActiveGeneration,
    AuditEntry,
    Banner,
    Campaign,
    Category,
    Experiment,
    Generation,
    Product,
    TopPageDisplay,
    Wish,
)
from services.contracts.envelope import DisplayType

Display = TopPageDisplay
Listed = TypeVar("Listed", Banner, Campaign, Experiment, AuditEntry)
Ids = dict[tuple[str, str | None], int]
"""Our ids by the name of a column, `sku` or `category_code`, and the shop's id in it."""
_VARIANT = aliased(Product)
_IS_PARENT = select(_VARIANT.id).where(_VARIANT.parent_id == Product.id).exists()
_CATEGORY_ID = func.coalesce(Display.category_id, Product.category_id)
MIRRORED = (
    Product.sku,
    func.coalesce(Product.name, Display.product_name).label("product_name"),
    func.coalesce(Product.price, Display.product_price).label("product_price"),
    func.coalesce(Product.currency, Display.currency).label("currency"),
    func.coalesce(Product.rating, Display.rating).label("rating"),
    func.coalesce(Product.image, Display.image).label("image"),
    _CATEGORY_ID.label("category_id"),
    Category.code.label("category_code"),
    func.coalesce(Category.name, Display.category_name).label("category_name"),
)
"""The columns owned by catalog: its value where known, else the row's."""
SHOWN = (
    *(Display.id, Display.display_type, Display.mode, Display.user_id, Display.rank, Display.priority, Display.score),
    *(Display.reason, Display.product_id, Display.promised_price),
    func.greatest(Display.start_date, Campaign.start_date).label("starts_at"),
    func.least(Display.end_date, Campaign.end_date).label("ends_at"),
    *MIRRORED,
    *(Product.parent_id, _IS_PARENT.label("is_parent")),
    *(Product.stock, Product.is_active.label("is_product_active"), Product.special_price.label("offer_price")),
    Product.special_currency.label("offer_currency"),
    *(Product.special_starts_at.label("offer_starts_at"), Product.special_ends_at.label("offer_ends_at")),
)
"""The columns of a `DisplayRow`."""
_ENDS_AT = func.coalesce(Display.end_date, literal_column("'infinity'::timestamptz"))
"""When a manual row ends, as its index has it, beside the user."""
MOST_EXPORTED = 5_000
"""Rows: several times what the kept generations have of a user."""
MOST_PINS = 500
"""Pins of a shelf that are not over, for everyone or for one user: more are refused, and not shown in their order."""
_ORDER_OF_PINS = (Display.priority.desc(), Display.rank, Display.id)


def _beside_catalog(*columns: Any) -> Select[Any]:  # noqa: ANN401 - whatever select() takes
    """Columns of display rows, of their product, its category and their campaign."""
    return (
        select(*columns)
        .select_from(Display)
        .outerjoin(Product, Product.id == Display.product_id)
        .outerjoin(Category, Category.id == _CATEGORY_ID)
        .outerjoin(Campaign, Campaign.id == Display.campaign_id)
    )


async def active_for(session: AsyncSession, user_id: str | None) -> Row[Any]:
    """The active generation, the versions of what is shown, and what a user wishes of it: null if nothing is known."""
    active: tuple[Any, ...] = (ActiveGeneration.version, ActiveGeneration.catalog_version, ActiveGeneration.generation)
    shown = select(*active, Wish.has_consent, Wish.opted_out).outerjoin(Wish, Wish.user_id == user_id)
    found: Row[Any] = (await session.execute(shown)).one()
    return found


async def rows_for(
    session: AsyncSession, generation: str | None, user_id: str | None, moment: datetime
) -> list[DisplayRow]:
    """The manual rows and one generation's, for one user and for everyone, without manual rows that are over then."""
    of_user: ColumnElement[bool] = Display.user_id.is_(None)
    if user_id is not None:
        of_user |= Display.user_id == user_id
    shown = _beside_catalog(*SHOWN).where(of_user, Display.is_active, Campaign.is_active.isnot(False))
    is_on = Campaign.end_date.is_(None) | (moment < Campaign.end_date)
    parts = [shown.where(Display.generation.is_(None), moment < _ENDS_AT, is_on)]
    if generation is not None:
        parts.append(shown.where(Display.generation == generation))
    return [DisplayRow(**row) for row in (await session.execute(union_all(*parts))).mappings()]


async def shelves_of(session: AsyncSession, user_id: str) -> Sequence[Row[Any]]:
    """What was chosen for a user, by generation and merchandiser, the newest first."""
    shown: tuple[Any, ...] = (Display.display_type, Display.rank, Display.product_id, Display.score, Display.reason)
    query = select(Display.generation, Display.mode, Display.created_at, *shown).where(Display.user_id == user_id)
    newest = query.order_by(Display.created_at.desc(), Display.display_type, Display.rank).limit(MOST_EXPORTED)
    rows: Sequence[Row[Any]] = (await session.execute(newest)).all()
    return rows


async def list_displays(
    session: AsyncSession,
    limit: int,
    *,
    after: int | None,
    product: ProductReference | None,
    display_type: DisplayType | None,
) -> Sequence[RowMapping]:
    """The next page of manual rows by id that pass every filter."""
    conditions = [
        *([Display.id > after] if after else []),
        *([_is_about(product)] if product else []),
        *([Display.display_type == display_type.value] if display_type else []),
    ]
    found = await session.execute(_manual(*conditions).order_by(Display.id).limit(limit))
    rows: Sequence[RowMapping] = found.mappings().all()
    return rows


async def one_display(session: AsyncSession, display_id: int) -> RowMapping | None:
    """The manual row with this id, if it exists."""
    row: RowMapping | None = (await session.execute(_manual(Display.id == display_id))).mappings().one_or_none()
    return row


def _manual(*conditions: ColumnElement[bool]) -> Select[Any]:
    """Manual rows with their products' data."""
    own = (
        *(Display.generation, Display.source, Display.is_active, Display.created_at, Display.updated_at),
        *(Display.campaign_id, Display.version, Display.start_date, Display.end_date),
    )
    return _beside_catalog(*own, *SHOWN).where(Display.generation.is_(None), *conditions)


async def pins(session: AsyncSession, display_type: str, user_id: str | None) -> list[TopPageDisplay]:
    """The pins of a shelf, for one user or for everyone, that are not over, in their order."""
    found = select(Display).where(Display.generation.is_(None), *_are_pins_of(display_type, user_id))
    return list(await session.scalars(found.order_by(*_ORDER_OF_PINS)))


async def first_pins(session: AsyncSession, display_type: str, user_id: str | None) -> Sequence[RowMapping]:
    """The first `MOST_PINS` of them, with their products' data."""
    found = _manual(*_are_pins_of(display_type, user_id)).order_by(*_ORDER_OF_PINS).limit(MOST_PINS)
    rows: Sequence[RowMapping] = (await session.execute(found)).mappings().all()
    return rows


async def shelf_of(session: AsyncSession, display: Display) -> Row[Any]:
    """Of the pins among which it stands or would, as they are stored: how many, the last's rank, whether it is one."""
    is_one = func.coalesce(func.bool_or(Display.id == display.id), False)
    counted: tuple[Any, ...] = (func.count().label("pins"), func.coalesce(func.max(Display.rank), 0).label("last_rank"))
    pinned = _are_pins_of(display.display_type, display.user_id)
    with session.no_autoflush:
        found = await session.execute(
            select(*counted, is_one.label("has_it")).where(Display.generation.is_(None), *pinned)
        )
    shelf: Row[Any] = found.one()
    return shelf


def _are_pins_of(display_type: str, user_id: str | None) -> tuple[ColumnElement[bool], ...]:
    return (
        Display.mode == "pin",
        Display.display_type == display_type,
        Display.user_id == user_id if user_id else Display.user_id.is_(None),
        func.now() < _ENDS_AT,
    )


async def newest(
    session: AsyncSession,
    table: type[Listed],
    before: tuple[int] | None,
    limit: int,
    **wanted: Any,  # noqa: ANN401 - by column
) -> Sequence[Listed]:
    """The next page of a table, the newest first: rows with the values that are wanted, None for any."""
    which = and_(true(), *(getattr(table, name) == value for name, value in wanted.items() if value is not None))
    return await latest(session, table, which, (table.id,), before, limit)


async def list_generations(session: AsyncSession, limit: int, *, before: int | None) -> Sequence[Row[Any]]:
    """The next page of generations, the newest first."""
    query = _generations(*([Generation.id < before] if before else [])).order_by(Generation.id.desc()).limit(limit)
    rows: Sequence[Row[Any]] = (await session.execute(query)).all()
    return rows


async def one_generation(session: AsyncSession, name: str) -> Row[Any]:
    """The existing generation with this name."""
    row: Row[Any] = (await session.execute(_generations(Generation.generation == name))).one()
    return row


def _generations(*conditions: ColumnElement[bool]) -> Select[Any]:
    """Generations, and whether and since when each is active."""
    activated_at = (
        select(func.max(Activation.activated_at)).where(Activation.generation_id == Generation.id).scalar_subquery()
    )
    columns: tuple[Any, ...] = (
        *(Generation.id, Generation.generation, Generation.bundle, Generation.row_count.label("rows")),
        func.coalesce(Generation.generation == ActiveGeneration.generation, False).label("is_active"),
        *(Generation.created_at, Generation.loaded_at, activated_at.label("activated_at"), Generation.dropped_at),
    )
    return select(*columns).select_from(Generation).join(ActiveGeneration, true()).where(*conditions)


def _is_about(product: ProductReference) -> ColumnElement[bool]:
    """Whether a display row is about a product."""
    return Product.sku == product.external_id if product.id is None else Display.product_id == product.id


async def ids_of(session: AsyncSession, skus: Sequence[str], codes: Sequence[str] = ()) -> Ids:
    """Our ids of products and categories by the shop's, where known."""
    products = select(Product.sku, Product.id).where(Product.sku == func.any(list(skus)), ~Product.is_deleted)
    categories = select(Category.code, Category.id).where(Category.code == func.any(list(codes)), ~Category.is_deleted)
    found = {("sku", sku): product_id for sku, product_id in await session.execute(products)}
    return found | {("category_code", code): each for code, each in await session.execute(categories)}


async def is_product(session: AsyncSession, product_id: int) -> bool:
    """Whether catalog has told of this product, and not that it is deleted."""
    query = select(Product.id).where(Product.id == product_id, ~Product.is_deleted)
    return await session.scalar(query) is not None


async def bump_version(session: AsyncSession) -> None:
    """Record a change of what is shown; other changes wait from here until the commit.

    Change display rows after it, never before: an upload locks in the same order.
    """
    await session.execute(update(ActiveGeneration).values(version=ActiveGeneration.version + 1))


async def bump_catalog_version(session: AsyncSession, parents: Collection[int]) -> int:
    """The version of a visible change of products; later changes of what is shown wait until the commit.

    Their parents look otherwise, too: with its first variant a product is sold no more.
    """
    bumped = update(ActiveGeneration).values(catalog_version=ActiveGeneration.catalog_version + 1)
    version: int = (await session.scalars(bumped.returning(ActiveGeneration.catalog_version))).one()
    if parents:
        marked = update(Product).where(Product.id == func.any(list(parents)))
        await session.execute(marked.values(catalog_version=version))
    return version


async def have_changed(session: AsyncSession, product_ids: Sequence[int], since: int) -> bool:
    """Whether one of these products looks otherwise than at that version of the catalogue."""
    changed = select(Product.id).where(Product.id == func.any(list(product_ids)), Product.catalog_version > since)
    return await session.scalar(changed.limit(1)) is not None
