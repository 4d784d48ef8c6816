"""Requests and responses of the profile's API."""

from datetime import datetime
from typing import Annotated, Any, Self

from pydantic import AfterValidator, AnyUrl, Field, UrlConstraints

from services.common.web.fields import Boolean, Schema, ShortText, left_out
from services.common.web.paging import Page
from services.contracts.card_numbers import no_card_number_in_address
from services.contracts.envelope import DisplayType
from services.contracts.events.identity import ERASING, Locale
from services.profile.addresses import AddressBook, PhoneNumber
from services.profile.models import User

Avatar = Annotated[
    AnyUrl,
    UrlConstraints(allowed_schemes=["https"], max_length=2_000, host_required=True),
    AfterValidator(str),
    AfterValidator(no_card_number_in_address),
    Field(examples=["https://cdn.example.com/a.png"]),
]
OptedOut = Annotated[list[DisplayType], Field(max_length=len(DisplayType))]


class Personalisation(Schema):
    """Without consent, a user gets everyone's shelves, and nothing is learned from the user's actions."""

    consent: bool = True


class Shelves(Schema):
    """The shelves that the user does not want to see."""

    opted_out: list[DisplayType] = Field(default=[])


class Preferences(Schema):
    """A user's preferences, with their defaults; without `locale` the shop's own language applies."""

    locale: str | None = None
    personalisation: Personalisation = Personalisation()
    shelves: Shelves = Shelves()

    @classmethod
    def of(cls, user: User) -> Self:
        """A user's, with the defaults of what is not set."""
        return cls.model_validate(user.preferences or {})


class PersonalisationChange(Schema):
    """Changes of `personalisation`; null restores the default."""

    consent: Boolean | None = left_out()


class ShelvesChange(Schema):
    """Changes of `shelves`; null restores the default."""

    opted_out: OptedOut | None = left_out()


class PreferencesChange(Schema):
    """Changes of preferences; omitted ones stay, null restores the default."""

    locale: Locale | None = left_out()
    personalisation: PersonalisationChange | None = left_out()
    shelves: ShelvesChange | None = left_out()


class UserChange(Schema):
    """A merge patch (RFC 7396) of a profile: omitted fields stay unchanged, null clears one; a list is replaced.

    With `version`, the change is refused if the profile has another version by now.
    """

    version: Annotated[int, Field(ge=1, le=2**63 - 1)] = left_out()
    display_name: ShortText | None = left_out()
    first_name: ShortText | None = left_out()
    last_name: ShortText | None = left_out()
    phone_number: PhoneNumber | None = left_out()
    address: AddressBook | None = left_out()
    preferences: PreferencesChange | None = left_out()
    avatar: Avatar | None = left_out()

    def changes(self) -> dict[str, Any]:
        """The given fields by column name, without the version; preferences are a merge patch."""
        changes = {name: getattr(self, name) for name in self.model_fields_set - {"version"}}
        if self.address is not None:
            changes["address"] = self.address.model_dump(mode="json", by_alias=True, exclude_none=True)
        if self.preferences is not None:
            changes["preferences"] = self.preferences.model_dump(mode="json", by_alias=True, exclude_unset=True)
        return changes


class UserOut(Schema):
    """A user; `email` is null while it is unknown, and changes only in auth."""

    id: str
    email: str | None
    display_name: str | None
    first_name: str | None
    last_name: str | None
    phone_number: str | None
    address: dict[str, Any] | None
    preferences: Preferences
    avatar: str | None
    version: int
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, user: User) -> Self:
        """Build from a row."""
        names = cls.model_fields.keys() - {"preferences"}
        return cls(**{name: getattr(user, name) for name in names}, preferences=Preferences.of(user))


class History(Schema):
    """The latest rows; older ones, if any, follow from `nextCursor` at `/v1/users/{userId}/…` of the same name."""

    items: list[dict[str, Any]]
    next_cursor: str | None = None


class Histories(Schema):
    """What a user did."""

    actions: History
    views: History


class OrderHistories(Schema):
    """What a user bought."""

    orders: History
    returns: History


class ExportedSections(Schema):
    """The user's data by service."""

    profile: UserOut
    auth: dict[str, Any]
    catalog: dict[str, Any]
    content: dict[str, Any]
    cart: dict[str, Any]
    order: OrderHistories
    payment: History
    analytics: Histories


class Export(Schema):
    """What all services store about a user."""

    user_id: str
    exported_at: datetime
    sections: ExportedSections


class ErasureOut(Schema):
    """A deleted user: who has erased the data, who has not, and when all had."""

    user_id: str
    deleted_at: datetime
    erased_by: list[str]
    missing: list[str]
    completed_at: datetime | None

    @classmethod
    def of(cls, row: Any) -> Self:  # noqa: ANN401 - a row of a query
        """Build from a row."""
        missing = [each for each in ERASING if each not in row.reported]
        return cls(
            user_id=row.id,
            deleted_at=row.deleted_at,
            erased_by=sorted(row.reported),
            missing=missing,
            completed_at=None if missing else row.last_erased_at,
        )


class ErasurePage(Page[ErasureOut]):
    """Deleted users, by id."""
