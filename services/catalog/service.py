"""Operations on products: each function runs in the caller's transaction, and appends its events to it."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import RowMapping, delete, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.catalog import queries, store, variants
from services.catalog.attributes.rules import Rules
from services.catalog.domain import Changes, LineOutcome, ProductState, Refused, events_between, new_product
from services.catalog.models import Category, Product
from services.catalog.named_images import NamedImages
from services.catalog.variants import Families
from services.common.messaging.outbox import append, append_all
from services.common.runtime.errors import Conflict, NotFound
from services.common.web.preconditions import Expected, tag
from services.common.web.references import ProductReference
from services.contracts.events.catalog import ProductDeleted

PRODUCER = "catalog"


class ProductNotFound(NotFound):
    """No product has this id, or this sku."""

    title = "Product not found"


class SkuTaken(Conflict):
    """Another product has this sku."""

    title = "Sku taken"


class ProductInUse(Conflict):
    """The product has variants."""

    title = "Product in use"


async def find(session: AsyncSession, reference: ProductReference) -> int:
    """Resolve a product reference to an id; one of our ids is not checked.

    Raises:
        ProductNotFound: no product has the sku.
    """
    if reference.id is not None:
        return reference.id
    product_id: int | None = await session.scalar(select(Product.id).where(Product.sku == reference.external_id))
    if product_id is None:
        raise ProductNotFound(f"There is no product {reference}.")
    return product_id


async def read(session: AsyncSession, product_id: int, *, is_public: bool) -> RowMapping:
    """One product with its categories and offer.

    Raises:
        ProductNotFound: there is none, or none that the public may see where `is_public`.
    """
    row = await queries.one_product(session, product_id, is_public=is_public)
    if row is None:
        raise ProductNotFound(f"There is no product {product_id}.")
    return row


async def upsert(session: AsyncSession, lines: Sequence[tuple[str, dict[str, Any]]]) -> list[LineOutcome]:
    """Create or change products by sku, in order, in a few statements however many they are.

    Args:
        session: the caller's transaction.
        lines: a sku with new column values, and optionally `category_codes` and `special_price`.

    Returns:
        One outcome per line. An unchanged product writes nothing and sends no event.
    """
    await store.lock_creation(session)
    skus = list(dict.fromkeys(sku for sku, _ in lines))  # in order, so that the same upload gets the same ids
    all_changes = [changes for _, changes in lines]
    parents = variants.named_as_parents(all_changes)
    locked = await store.lock_products(session, or_(Product.sku == func.any(skus), parents))
    states = {state.product.sku: state for state in locked}
    before = {state.id: state for state in states.values()}
    unknown = [sku for sku in skus if sku not in states]
    ids = dict(zip(unknown, await store.new_ids(session, Product, len(unknown)), strict=True))
    categories = await _known_categories(session, all_changes)
    families = await Families.of(session, states, all_changes)
    rules = await Rules.of(session, all_changes, states.values(), categories.values())
    images = await NamedImages.of(session, all_changes)
    outcomes = []
    for sku, changes in lines:
        try:
            images.check(changes)
            fields = families.with_parent_id(sku, _with_category_ids(changes, categories))
            old = states.get(sku)
            new = old.changed(fields) if old else new_product(ids[sku], sku, fields)
            rules.check(changes, new.product)
        except Refused as refusal:
            outcomes.append(LineOutcome("refused", refusal=refusal))
            continue
        states[sku] = new
        outcomes.append(LineOutcome("created" if old is None else "unchanged" if old == new else "updated", new.id))
    await _store(session, before, states.values())
    return outcomes


async def create(session: AsyncSession, sku: str, changes: dict[str, Any]) -> int:
    """Create one product; returns its id.

    Raises:
        SkuTaken, Refused: see the classes.
    """
    await store.lock_creation(session)
    if await session.scalar(select(Product.id).where(Product.sku == sku)) is not None:
        raise SkuTaken(f"A product with the sku {sku} exists.")
    (outcome,) = await upsert(session, [(sku, changes)])
    return outcome.id_or_raise()


async def change(
    session: AsyncSession, product_id: int, changes: dict[str, Any], expected: Expected | None = None
) -> None:
    """Change one product; equal values change nothing.

    Raises:
        ProductNotFound, PreconditionFailed, Refused: see the classes.
    """
    if not changes.keys().isdisjoint(("category_ids", "category_codes")):
        await store.hold_categories(session)
    locked = await store.lock_products(session, or_(Product.id == product_id, variants.named_as_parents([changes])))
    old = next((state for state in locked if state.id == product_id), None)
    if old is None:
        raise ProductNotFound(f"There is no product {product_id}.")
    if expected is not None:
        seen = (old.product.product_version, old.offer_version)
        if "stock" in changes:
            expected.check(tag(*seen, old.product.stock_version))
        else:  # which a sale does not break
            expected.check(tag(*seen), may_go_on=True)
    categories = await _known_categories(session, [changes])
    families = await Families.of(session, {state.product.sku: state for state in locked}, [changes])
    rules = await Rules.of(session, [changes], [old], categories.values())
    (await NamedImages.of(session, [changes])).check(changes)
    new = old.changed(families.with_parent_id(old.product.sku, _with_category_ids(changes, categories)))
    rules.check(changes, new.product)
    await _store(session, {product_id: old}, [new])


async def rate(session: AsyncSession, ratings: Mapping[int, tuple[float, int]]) -> None:
    """Set the ratings of products, each with the number of its reviews; those that are gone are passed over."""
    states = await store.lock_products(session, Product.id == func.any(list(ratings)))
    rated = []
    for state in states:
        rating, count = ratings[state.id]
        rated.append(state.changed({"rating": rating, "rating_count": count}))
    await _store(session, {state.id: state for state in states}, rated)


async def remove(session: AsyncSession, product_id: int, expected: Expected | None = None) -> None:
    """Delete one product with its offer.

    Raises:
        ProductNotFound, PreconditionFailed: see the classes.
        ProductInUse: it has variants.
    """
    locking = select(Product.product_version, Product.offer_version).where(Product.id == product_id).with_for_update()
    seen = (await session.execute(locking)).one_or_none()
    if seen is not None and expected is not None:
        expected.check(tag(*seen), may_go_on=True)
    if await variants.parents_among(session, [product_id]):  # read after the lock: one that was made meanwhile is found
        raise ProductInUse(f"The product {product_id} has variants: delete them, or take them from it, first.")
    sku = await session.scalar(delete(Product).where(Product.id == product_id).returning(Product.sku))
    if sku is None:
        raise ProductNotFound(f"There is no product {product_id}.")
    await append(session, PRODUCER, "PRODUCT_DELETED", ProductDeleted(product_id=product_id, sku=sku))


async def _store(session: AsyncSession, before: Mapping[int, ProductState], after: Iterable[ProductState]) -> None:
    """Write changed states, and their events."""
    changed = [state.with_next_versions(old) for state in after if (old := before.get(state.id)) != state]
    await store.write_products(session, before, changed)
    told = (each for state in changed for each in events_between(before.get(state.id), state))
    await append_all(session, PRODUCER, told)


async def _known_categories(session: AsyncSession, all_changes: Iterable[Changes]) -> dict[int | str, int]:
    """The ids of the referenced categories, by id or code, where they exist.

    They are locked against deletion until the caller's transaction ends.
    """
    ids, codes = set[int](), set[str]()
    for changes in all_changes:
        ids.update(changes.get("category_ids", ()))
        codes.update(changes.get("category_codes", ()))
    if not ids and not codes:
        return {}
    named = (Category.id == func.any(list(ids))) | (Category.code == func.any(list(codes)))
    kept = select(Category.id, Category.code).where(named).order_by(Category.id)
    rows = await session.execute(kept.with_for_update(read=True, key_share=True))
    return {name: row.id for row in rows for name in (row.id, row.code)}


def _with_category_ids(changes: dict[str, Any], categories: Mapping[int | str, int]) -> dict[str, Any]:
    for field, wire in (("category_ids", "categoryIds"), ("category_codes", "categoryCodes")):
        if field in changes:
            if unknown := [name for name in changes[field] if name not in categories]:
                raise Refused(wire, f"names unknown categories: {unknown}")
            rest = {name: value for name, value in changes.items() if name != field}
            return {**rest, "category_ids": tuple(sorted({categories[name] for name in changes[field]}))}
    return changes
