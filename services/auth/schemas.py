"""Requests and responses of the auth service's API."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from services.auth.addresses import EmailAddress
from services.auth.passwords import LONGEST
from services.common.identity.ownership import no_visitor
from services.common.runtime.errors import Fault
from services.common.web.fields import Schema, Timestamp, UserId
from services.common.web.paging import Page

Password = Annotated[
    str, Field(min_length=1, max_length=LONGEST, pattern=r"^[^\x00]*$", json_schema_extra={"format": "password"})
]
Code = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[!-~]+$", description="From the mail")]
RefreshToken = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[A-Za-z0-9_.-]+$")]
RoleName = Literal["customer", "merchandiser", "analyst", "operator", "admin"]


class Credentials(Schema):
    """An address and a password."""

    email: EmailAddress
    password: Password


class Confirmation(Schema):
    """The code that was sent to an address."""

    email: EmailAddress
    code: Code


class Refresh(Schema):
    """A refresh token; it is used up."""

    refresh_token: RefreshToken


class TokensOut(Schema):
    """The tokens of a session."""

    user_id: UserId
    access_token: str
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 - no password
    expires_in: int
    refresh_token: str
    refresh_expires_in: int


class PasswordChange(Schema):
    """A new password, by the current one."""

    current_password: Password
    new_password: Password


class Address(Schema):
    """An address."""

    email: EmailAddress


class PasswordReset(Confirmation):
    """A new password, by the code that was sent."""

    new_password: Password


class OwnPassword(Schema):
    """The caller's password."""

    password: Password


class UserOut(Schema):
    """A user; a deleted one has no address."""

    id: UserId
    email: str | None
    email_verified: bool
    cognito_id: str | None
    status: Literal["ACTIVE", "DISABLED", "DELETED"]
    roles: list[RoleName]
    last_login_at: Timestamp | None
    created_at: Timestamp
    updated_at: Timestamp


class SessionOut(Schema):
    """A login, without what could open it."""

    created_at: Timestamp
    last_used_at: Timestamp
    expires_at: Timestamp
    revoked_at: Timestamp | None


class ExportOut(UserOut):
    """What is stored about a user, but for secrets: the newest sessions, and when somebody viewed as the user."""

    sessions: list[SessionOut]
    viewed_at: list[Timestamp]


class UserPage(Page[UserOut]):
    """Users by id."""


class ViewTokenOut(Schema):
    """A token to view as a user."""

    user_id: UserId
    access_token: str
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 - no password
    expires_in: int


def _has_addresses(user_id: str) -> str:
    """Of `/v1/users/{userId}`: `me` is the caller's, and dots are no part of a path."""
    if user_id in ("me", ".", ".."):
        raise ValueError("must not be me, . or ..: these are other addresses than a user's")
    return user_id


class ImportedUser(Schema):
    """A user of an imported shop."""

    user_id: Annotated[UserId, AfterValidator(no_visitor), AfterValidator(_has_addresses)]
    email: EmailAddress | None = None
    registered_at: Timestamp | None = None


class LineResult(Schema):
    """What became of a line; a deleted user is not made again, but a history that names one is no error."""

    line: int
    status: Literal["created", "unchanged", "deleted", "refused"]
    user_id: str | None = None
    errors: list[Fault] | None = None


class KeysOut(Schema):
    """The published keys (JWKS, RFC 7517)."""

    keys: list[dict[str, object]]
