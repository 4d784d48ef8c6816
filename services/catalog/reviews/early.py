"""Reviews that wait for their purchase: both come by the log, by different topics."""

from collections.abc import Collection, Iterable, Sequence
from typing import Final

import orjson
from sqlalchemy import delete, text, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from services.catalog.reviews.models import EarlyReview
from services.catalog.reviews.purchases import Pair
from services.catalog.reviews.recording import Submission

MOST_OF_A_USER: Final = 1_000
"""Of what waits of one user the newest are kept: anybody may send reviews of what they never buy."""
_FIELDS: Final = ("user_id", "product_id", "rating", "text", "submitted_at")
_GIVE_UP = text("DELETE FROM early_reviews WHERE received_at < now() - interval '100 days'")
"""What waits is of people who may never have bought: it is kept little longer than the 90 days of the action log."""
_KEEP = text(
    "INSERT INTO early_reviews (user_id, product_id, rating, text, submitted_at)"
    " SELECT DISTINCT ON (user_id, product_id) user_id, product_id, rating, text, submitted_at"
    " FROM json_populate_recordset(NULL::early_reviews, CAST(:rows AS json))"
    " ORDER BY user_id, product_id, submitted_at DESC"
    " ON CONFLICT (user_id, product_id)"
    " DO UPDATE SET rating = excluded.rating, text = excluded.text, submitted_at = excluded.submitted_at"
    " WHERE excluded.submitted_at > early_reviews.submitted_at"
)
_THIN_OUT = text(
    "DELETE FROM early_reviews WHERE (user_id, product_id) IN (SELECT user_id, product_id FROM ("
    " SELECT user_id, product_id, row_number() OVER (PARTITION BY user_id ORDER BY submitted_at DESC, product_id) AS n"
    "  FROM early_reviews WHERE user_id = ANY(:users)"
    ") AS theirs WHERE n > :most)"
)
_OF_BOUGHT = text(
    "WITH bought AS (SELECT u, p FROM json_to_recordset(CAST(:rows AS json)) AS given (u text, p bigint))"
    " SELECT early_reviews.* FROM bought JOIN early_reviews ON user_id = u AND product_id = p"
    " UNION SELECT early_reviews.* FROM bought JOIN products ON id = p"
    "  JOIN early_reviews ON user_id = u AND product_id = parent_id"
)


async def keep(session: AsyncSession, submissions: Collection[Submission]) -> None:
    """Let reviews wait, of each user and product the newest."""
    if submissions:
        rows = [{name: getattr(given, name) for name in _FIELDS} for given in submissions]
        await session.execute(_KEEP, {"rows": orjson.dumps(rows).decode()})
        users = list({given.user_id for given in submissions})
        await session.execute(_THIN_OUT, {"users": users, "most": MOST_OF_A_USER})


async def of_bought(session: AsyncSession, bought: Iterable[Pair]) -> Sequence[Submission]:
    """What has waited for these purchases, each of a user and a product, also as a review of its parent."""
    rows = [{"u": user_id, "p": product_id} for user_id, product_id in bought]
    found = await session.execute(_OF_BOUGHT, {"rows": orjson.dumps(rows).decode()})
    return [Submission(*(getattr(row, name) for name in _FIELDS)) for row in found]


async def forget(session: AsyncSession, pairs: Collection[Pair]) -> None:
    """These wait no longer."""
    await session.execute(delete(EarlyReview).where(tuple_(EarlyReview.user_id, EarlyReview.product_id).in_(pairs)))


async def give_up(session: AsyncSession) -> None:
    """Forget what has waited too long."""
    await session.execute(_GIVE_UP)
