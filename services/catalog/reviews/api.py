"""Reviews of products: read by everybody, written by who bought them, hidden by merchandisers."""

from datetime import datetime
from typing import Annotated

from fastapi import Path, Query

from services.catalog import service
from services.catalog.api import ProductId
from services.catalog.reviews import reviews, users
from services.catalog.reviews.recording import Submission
from services.catalog.reviews.schemas import (
    ExportOut,
    ModeratedReviewOut,
    ModeratedReviewPage,
    MyReviewOut,
    OwnReviewOut,
    ReviewChange,
    ReviewIn,
    ReviewPage,
)
from services.common.identity.policy import PUBLIC, USER, role
from services.common.identity.policy import service as only
from services.common.identity.principal import Principal
from services.common.runtime.errors import problems
from services.common.storage.database import Session
from services.common.web.fields import PathId, UserId
from services.common.web.idempotency import IDEMPOTENT
from services.common.web.paging import CursorParam, LimitParam, decode_cursor
from services.common.web.routing import Router

router = Router(tags=["reviews"])
MODERATOR = role("merchandiser", "admin")
Author = Annotated[Principal, USER]


@router.get("/v1/products/{productId:product}/reviews", dependencies=[PUBLIC], responses=problems(404))
async def list_reviews(
    product_id: ProductId, session: Session, cursor: CursorParam = None, limit: LimitParam = 20
) -> ReviewPage:
    """The reviews of a product that are shown, the latest first."""
    await service.read(session, product_id, is_public=True)
    rows = await reviews.shown(session, product_id, decode_cursor(cursor, datetime, int), limit + 1)
    return ReviewPage.of(rows, limit, "submitted_at", "id")


@router.get("/v1/products/{productId:product}/reviews/mine", responses=problems(404))
async def read_own_review(product_id: ProductId, session: Session, caller: Author) -> MyReviewOut:
    """The caller's review of a product, null if there is none; `canReview` says whether the caller bought it."""
    can_review, review = await reviews.mine(session, caller.subject, product_id)
    return MyReviewOut.model_validate({"can_review": can_review, "review": review})


@router.put("/v1/products/{productId:product}/reviews/mine", dependencies=[USER, IDEMPOTENT], responses=problems(404))
async def write_own_review(product_id: ProductId, body: ReviewIn, session: Session, caller: Author) -> OwnReviewOut:
    """Review a product that the caller has bought, or change that review; a hidden one stays hidden."""
    submission = Submission(caller.subject, product_id, body.rating, body.text)
    return OwnReviewOut.model_validate(await reviews.write(session, submission))


@router.delete(
    "/v1/products/{productId:product}/reviews/mine",
    status_code=204,
    dependencies=[USER, IDEMPOTENT],
    responses=problems(404, 409),
)
async def delete_own_review(product_id: ProductId, session: Session, caller: Author) -> None:
    """Delete the caller's review; not a hidden one, whose text can be taken back by changing it."""
    await reviews.remove(session, caller.subject, product_id)


@router.get("/v1/reviews", dependencies=[MODERATOR])
async def list_all_reviews(
    session: Session,
    *,
    cursor: CursorParam = None,
    limit: LimitParam = 50,
    product_id: Annotated[PathId | None, Query(alias="productId")] = None,
    hidden: bool | None = None,
) -> ModeratedReviewPage:
    """All reviews, the last to arrive first, with what was done to them."""
    rows = await reviews.every(session, decode_cursor(cursor, int), limit + 1, product_id=product_id, is_hidden=hidden)
    return ModeratedReviewPage.of(rows, limit, "id")


@router.patch("/v1/reviews/{reviewId:int}", dependencies=[MODERATOR, IDEMPOTENT], responses=problems(404, 409))
async def moderate_review(
    review_id: Annotated[PathId, Path(alias="reviewId")],
    body: ReviewChange,
    session: Session,
    caller: Annotated[Principal, MODERATOR],
) -> ModeratedReviewOut:
    """Hide a review, or show it again, unless its order was cancelled; who did it, when and why is kept with it."""
    done = await reviews.moderate(session, review_id, caller.subject, is_hidden=body.is_hidden, reason=body.reason)
    return ModeratedReviewOut.model_validate(done)


@router.get("/v1/exports/{userId}", dependencies=[only("profile")])
async def export(user_id: Annotated[UserId, Path(alias="userId")], session: Session) -> ExportOut:
    """A user's reviews, what the user has bought, as far as it lets reviews be written, and what the user moderated."""
    return ExportOut.model_validate(await users.known_of(session, user_id))
