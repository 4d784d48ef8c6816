"""Who a shopper is: `auth.v1` and `profile.v1`; and what was erased: `erasures.v1`.

An account and a profile each have a version, which grows with their changes: a copy applies an event only if it is not
older than its own, in whatever order events arrive; 0 is the version of events without one. A deletion is final: user
ids are not reused. An empty email means that the user has none: a shop need not have told it.
"""

from typing import Annotated

from pydantic import Field

from services.contracts.envelope import PII, Contract, DisplayType, Text, Timestamp, UserId, Version, VisitorId
from services.contracts.string_formats import Open

Email = Annotated[Text, Field(json_schema_extra=PII)]
Role = Annotated[str, Field(max_length=64, pattern=r"^[a-z][a-z_]*$")]
Locale = Annotated[str, Field(max_length=35, pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$")]
"""A language tag, such as `ja` or `en-GB`."""


class UserRegistered(Contract):
    """USER_REGISTERED: the account exists since the event's time: it was confirmed, or a shop's user was imported."""

    user_id: UserId
    email: Email
    cognito_id: Text | None = None
    account_version: Version = 0


class UserAuthenticated(Contract):
    """USER_AUTHENTICATED: a user logged in, who was the visitor `visitorId` until then."""

    user_id: UserId
    email: Email
    cognito_id: Text | None = None
    visitor_id: VisitorId | None = None
    session_id: Text | None = None


class UserEmailConfirmed(Contract):
    """USER_EMAIL_CONFIRMED: the account has this address now, and it is the user's."""

    user_id: UserId
    email: Email
    account_version: Version = 0


class UserStatusChanged(Contract):
    """USER_DISABLED, USER_ENABLED: whether the user may log in; a token from before USER_DISABLED is refused."""

    user_id: UserId
    account_version: Version = 0


class UserDeleted(Contract):
    """USER_DELETED: the user is to be forgotten everywhere."""

    user_id: UserId


class UserRolesChanged(Contract):
    """USER_ROLES_CHANGED: all roles that the user has now; a token from before it is refused."""

    user_id: UserId
    roles: list[Role]
    account_version: Version = 0


class SessionsRevoked(Contract):
    """SESSIONS_REVOKED: tokens of this session are refused; without `sessionId`, all of the user's from before it."""

    user_id: UserId
    session_id: Text | None = None


class UserProfileCreated(Contract):
    """USER_PROFILE_CREATED."""

    user_id: UserId
    display_name: Annotated[Text | None, Field(json_schema_extra=PII)] = None
    email: Email


class UserProfileUpdated(Contract):
    """USER_PROFILE_UPDATED: the profile as it now is, as far as others need it.

    Without `personalisationConsent`, the user gets everyone's shelves, and nothing is learned from the user's actions;
    shelves in `optedOutShelves` are not shown to the user.
    """

    user_id: UserId
    display_name: Annotated[Text | None, Field(json_schema_extra=PII)] = None
    locale: Locale | None = None
    personalisation_consent: bool = True
    opted_out_shelves: list[Annotated[DisplayType, Open()]] = Field(default=[])
    profile_version: Version = 0


class UserEmailChanged(Contract):
    """USER_EMAIL_CHANGED: the profile has followed the account to this address."""

    user_id: UserId
    email: Email
    profile_version: Version = 0


ERASING = ("auth", "profile", "catalog", "analytics", "content", "cart", "order", "payment")
"""The services that have data of users: a deletion is complete once each of them has reported it."""


class UserDataErased(Contract):
    """USER_DATA_ERASED: a service has erased the data of a deleted user; the topic `erasures.v1`."""

    user_id: UserId
    service: Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[a-z][a-z_-]*$")]
    erased_at: Timestamp
