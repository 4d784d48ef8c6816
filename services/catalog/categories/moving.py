"""Moves and recodes a subtree of categories: the codes of all below follow. Runs in the caller's transaction."""

from sqlalchemy import case, func, literal, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from services.catalog.categories.tree import snapshot_of
from services.catalog.domain import PATH_SEPARATOR, Refused, level_of, parent_code
from services.catalog.models import Category
from services.catalog.service import PRODUCER
from services.common.messaging.outbox import append_all
from services.common.runtime.errors import Conflict
from services.common.web.references import MAX_CODE


class CodeTaken(Conflict):
    """Another category has this code."""

    title = "Code taken"


async def move(session: AsyncSession, category: Category, code: str) -> None:
    """Give a locked category another code, which is its place in the tree, and publish all that changes with it.

    The caller lets nobody else create categories until the transaction ends.

    Raises:
        CodeTaken: another category has the code.
        Refused: it lies below the category itself or below nothing, or makes a code below too long.
    """
    if code.startswith(category.code + PATH_SEPARATOR):
        raise Refused("code", "lies below the category itself")
    if await session.scalar(select(Category.id).where(Category.code == code)) is not None:
        raise CodeTaken(f"The category {code} exists.")
    parent_id = await _parent_id(session, code)
    old, below = category.code, func.starts_with(Category.code, category.code + PATH_SEPARATOR)
    subtree = or_(Category.id == category.id, below)
    locking = select(Category.id, Category.code).where(subtree).order_by(Category.id).with_for_update()
    longest = max((await session.execute(locking)).all(), key=lambda row: len(row.code))
    if len(longest.code) - len(old) + len(code) > MAX_CODE:
        raise Refused("code", f"makes the code of category {longest.id} longer than {MAX_CODE} characters")
    moving = (
        update(Category)
        .where(subtree)
        .values(
            code=literal(code) + func.substr(Category.code, len(old) + 1),
            level=Category.level + level_of(code) - level_of(old),
            parent_id=case((Category.id == category.id, parent_id), else_=Category.parent_id),
            version=Category.version + 1,
            updated_at=func.now(),
        )
        .returning(*Category.__table__.columns)
        .execution_options(synchronize_session=False)
    )
    moved = sorted((await session.execute(moving)).all(), key=lambda row: row.level)
    await append_all(session, PRODUCER, [("CATEGORY_UPDATED", snapshot_of(row)) for row in moved])


async def _parent_id(session: AsyncSession, code: str) -> int | None:
    above = parent_code(code)
    if above is None:
        return None
    found = select(Category.id).where(Category.code == above).with_for_update(read=True, key_share=True)
    parent_id: int | None = await session.scalar(found)
    if parent_id is None:
        raise Refused("code", f"is below {above}, which does not exist")
    return parent_id
