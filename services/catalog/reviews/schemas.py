"""Requests and responses about reviews."""

from datetime import datetime
from typing import Annotated, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from services.common.web.fields import Boolean, Schema, ShortText
from services.common.web.paging import Page
from services.contracts.card_numbers import no_card_number


def _with_plain_line_ends(text: object) -> object:
    return text.replace("\r\n", "\n").replace("\r", "\n") if isinstance(text, str) else text


def _some_words(text: str) -> str | None:
    return text.strip() if any(each.isprintable() and not each.isspace() for each in text) else None


def _a_number(rating: object) -> object:
    if isinstance(rating, (bool, str)):
        raise ValueError("a rating is a number")  # noqa: TRY004 - of pydantic's
    return rating


ReviewText = Annotated[
    str,
    BeforeValidator(_with_plain_line_ends),
    Field(max_length=2_000, pattern=r"^[^\x00-\x08\x0b-\x1f\x7f]*$"),
    AfterValidator(no_card_number),
    AfterValidator(_some_words),
]
"""Lines of text, whichever way they end; of control characters only tabs. What shows nothing is no text."""


class ReviewIn(Schema):
    """A review: 1 to 5, and what there is to say."""

    rating: Annotated[int, BeforeValidator(_a_number), Field(ge=1, le=5)]
    text: ReviewText | None = None


class ReviewOut(Schema):
    """A review, as everybody sees it."""

    id: Annotated[int, Field(alias="reviewId")]
    product_id: int
    rating: int
    text: str | None
    created_at: datetime
    submitted_at: datetime


class OwnReviewOut(ReviewOut):
    """A review, as its author sees it."""

    is_hidden: bool


class MyReviewOut(Schema):
    """Whether the caller may review a product, as who bought it may; and the caller's review, if there is one."""

    can_review: bool
    review: OwnReviewOut | None


class Moderation(Schema):
    """Who hid a review or showed it again."""

    is_hidden: bool
    reason: str | None
    by: str
    at: datetime


class ModeratedReviewOut(OwnReviewOut):
    """A review, as merchandisers see it, with all that was done to it."""

    user_id: str
    moderations: list[Moderation]


class ReviewPage(Page[ReviewOut]):
    """One page of reviews, the latest first."""


class ModeratedReviewPage(Page[ModeratedReviewOut]):
    """One page of reviews, the last to arrive first."""


class ReviewChange(Schema):
    """Hide a review, with the reason, or show it again."""

    is_hidden: Boolean
    reason: ShortText | None = None

    @model_validator(mode="after")
    def _has_a_reason(self) -> Self:
        if self.is_hidden and not self.reason:
            raise ValueError("a review is hidden with a reason")
        return self


class WaitingReviewOut(Schema):
    """A review that came before its purchase."""

    product_id: int
    rating: int
    text: str | None
    submitted_at: datetime


class OwnModeration(Schema):
    """That the user hid a review or showed it again."""

    review_id: int
    is_hidden: bool
    reason: str | None
    at: datetime


class ExportOut(Schema):
    """What the catalog stores about a user."""

    reviews: list[OwnReviewOut]
    waiting_reviews: list[WaitingReviewOut]
    moderations: list[OwnModeration]
    bought_product_ids: list[int]
