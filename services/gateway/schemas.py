"""The gateway's own responses, and what it reads of the services'."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from services.common.identity.ownership import is_visitor
from services.common.web.fields import Schema, UserId
from services.contracts.envelope import DisplayType

CookieValue = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]+$", max_length=3_500)]
Seconds = Annotated[int, Field(ge=0, le=400 * 86_400)]


class Open(Schema):
    """A response of another service: additional fields are passed on."""

    model_config = ConfigDict(extra="allow")


class ShelfItem(Open):
    """One place on a shelf: a product or a category, and the reason for it."""

    product_id: int | None
    sku: str | None
    product_name: str | None
    product_price: Annotated[str | None, Field(examples=["12.30"])]
    special_price: Annotated[str | None, Field(examples=["9.99"])]
    currency: str | None
    rating: float | None
    image: str | None
    category_id: int | None
    category_code: str | None
    category_name: str | None
    rank: int
    score: float | None
    reason: str | None
    source: str


class Shelf(Open):
    """One ranked list."""

    display_type: DisplayType
    title: str
    items: list[ShelfItem]


class TopPage(Open):
    """The shelves in the order of the page; without a model there is no `recommendationId` to report on."""

    recommendation_id: str | None
    model_version: str | None
    rules_version: str | None
    generation: str | None
    degraded: bool
    fallback_used: bool
    warnings: list[str]
    user_id: str | None
    shelves: list[Shelf]


class Displays(Open):
    """Content's shelves, which fill the page while serving is unavailable."""

    generation: str | None
    shelves: list[Shelf]


class NamedCategory(Open):
    """A category of catalog's."""

    code: str
    name: str


class ServiceDocument(BaseModel):
    """A service's OpenAPI document, as far as it is merged."""

    paths: dict[str, dict[str, Any]]
    components: dict[str, dict[str, Any]] = {}


def _no_visitor(user_id: str) -> str:
    if is_visitor(user_id):
        raise ValueError("must be a user's id: nobody views as a visitor")
    return user_id


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

    user_id: Annotated[UserId, AfterValidator(_no_visitor)]


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


class Tokens(BaseModel):
    """The tokens of auth's that the gateway keeps in cookies."""

    model_config = ConfigDict(alias_generator=to_camel)

    access_token: CookieValue
    expires_in: Seconds
    refresh_token: CookieValue
    refresh_expires_in: Seconds


class ViewToken(BaseModel):
    """The token of a view."""

    model_config = ConfigDict(alias_generator=to_camel)

    access_token: CookieValue
    expires_in: Seconds
