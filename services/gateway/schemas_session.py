"""What the gateway says of whom a browser stands for, and what it reads of auth's answers."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from services.common.identity.ownership import no_visitor
from services.common.web.fields import Schema, UserId
from services.gateway.schemas import Open

CookieValue = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]+$", max_length=3_500)]
Seconds = Annotated[int, Field(ge=0, le=400 * 86_400)]


class NewVisitor(Schema):
    """A visitor, and the token that says so."""

    visitor_id: str
    token: str
    expires_in: int


class Login(Schema):
    """An address and a password; auth checks them."""

    email: Annotated[str, Field(min_length=1, max_length=320)]
    password: Annotated[str, Field(min_length=1, max_length=1_000, json_schema_extra={"format": "password"})]


class NewView(Schema):
    """The user to view as."""

    user_id: Annotated[UserId, AfterValidator(no_visitor)]


class Preview(Schema):
    """What only a preview has: users to view as."""

    shoppers: tuple[str, ...]


class SessionOut(Schema):
    """Whom the browser stands for, for how many seconds, and whether a session can be renewed.

    `isView`: somebody views as this user.
    """

    kind: Literal["visitor", "user"]
    user_id: str
    roles: list[str]
    expires_in: int
    is_view: bool
    can_refresh: bool
    preview: Preview | None


class Mail(Schema):
    """A mail that auth sent."""

    to: str
    subject: str
    sent_at: str
    text: str


class Inbox(Schema):
    """The latest mails first."""

    items: list[Mail]


class ViewToken(Open):
    """The token of a view, which the gateway keeps in a cookie."""

    access_token: CookieValue
    expires_in: Seconds


class Tokens(ViewToken):
    """The tokens of a session."""

    refresh_token: CookieValue
    refresh_expires_in: Seconds
