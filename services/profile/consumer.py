"""Follows auth: who has registered, whose address has changed, who is gone."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from services.common.messaging.messages import Message
from services.contracts.events.identity import UserDeleted, UserEmailConfirmed, UserRegistered
from services.profile import service
from services.profile.domain import News

TOPIC = "auth.v1"


async def follow_auth(session: AsyncSession, messages: Sequence[Message]) -> None:
    """Apply events in order, in a few statements."""
    news = []
    for message in messages:
        told = message.payload
        if isinstance(told, UserRegistered | UserEmailConfirmed):
            news.append(News(told.user_id, told.account_version, told.email))
        elif isinstance(told, UserDeleted):
            news.append(News(told.user_id, is_deletion=True))
    if news:
        await service.follow(session, news)
