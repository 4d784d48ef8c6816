"""What services keep of another's data: where it is, what its owner tells of it, and who applies that."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, LiteralString

import psycopg
from psycopg.rows import namedtuple_row

from services.analytics.external_ids import follow_catalog as follow_ids
from services.auth.models import UserStatus
from services.cart.consumer import follow_catalog as follow_products
from services.common.messaging.consumer import Handle
from services.content.consumer import follow_catalog
from services.content.wishes import follow_profiles
from services.contracts.envelope import Contract, Event
from services.contracts.events.identity import UserDeleted, UserProfileUpdated, UserRegistered
from services.profile.consumer import follow_auth
from services.profile.schemas import Preferences

Owned = psycopg.Connection[Any]
BATCH = 2_000


@dataclass(frozen=True)
class Owner:
    """Whose data it is; `ids` are all that it has ever told of, `tell` gives the events of some, in order."""

    service: str
    topic: str
    ids: LiteralString
    tell: Callable[[Owned, list[str]], Iterator[list[bytes]]]


@dataclass(frozen=True)
class Copy:
    """Rows of a service; `forget` makes those of `:ids` older than any event. Without `is_whole`, no row is added.

    `part` ids are rebuilt in one transaction, for which whoever changes their rows waits.
    """

    service: str
    table: str
    owner: Owner
    handle: Handle
    key: str = "id"
    type: str = "bigint"
    forget: str = "DELETE FROM {table} WHERE {mine}"
    is_whole: bool = True
    part: int = 500


def _published(prefix: LiteralString) -> Callable[[Owned, list[str]], Iterator[list[bytes]]]:
    """Everything of these ids that the owner has put into its outbox, which keeps it."""

    def tell(owned: Owned, ids: list[str]) -> Iterator[list[bytes]]:
        query = "SELECT value FROM outbox WHERE topic = 'catalog.v1' AND key = ANY(%s) ORDER BY id"
        with owned.transaction(), owned.cursor("events") as cursor:
            cursor.execute(query, [[f"{prefix}{each}" for each in ids]])
            while rows := cursor.fetchmany(BATCH):
                yield [row.value.encode() for row in rows]

    return tell


def _accounts(owned: Owned, ids: list[str]) -> Iterator[list[bytes]]:
    """The users as they are: what auth has published is not kept for good."""
    rows = owned.execute("SELECT id, email, status, version FROM auth_users WHERE id = ANY(%s)", [ids]).fetchall()
    yield [
        _event("USER_DELETED", UserDeleted(user_id=row.id), "auth")
        if row.status == UserStatus.DELETED
        else _event(
            "USER_REGISTERED",
            UserRegistered(user_id=row.id, email=row.email or "", account_version=row.version),
            "auth",
        )
        for row in rows
    ]


def _profiles(owned: Owned, ids: list[str]) -> Iterator[list[bytes]]:
    """The preferences as they are: what profile has published is not kept for good."""
    rows = owned.execute("SELECT id, preferences, version FROM users WHERE id = ANY(%s)", [ids]).fetchall()
    wishes = [(row, Preferences.model_validate(row.preferences or {})) for row in rows]
    yield [
        _event(
            "USER_PROFILE_UPDATED",
            UserProfileUpdated(
                user_id=row.id,
                personalisation_consent=wish.personalisation.consent,
                opted_out_shelves=wish.shelves.opted_out,
                profile_version=row.version,
            ),
            "profile",
        )
        for row, wish in wishes
    ]


def _event(event_type: str, data: Contract, producer: str) -> bytes:
    return Event.of(event_type, data, producer=producer).to_bytes()


_IDS: LiteralString = "SELECT DISTINCT key FROM outbox WHERE topic = 'catalog.v1' AND key NOT LIKE 'category:%'"
_CATEGORY_IDS: LiteralString = (
    "SELECT DISTINCT substr(key, 10) FROM outbox WHERE topic = 'catalog.v1' AND key LIKE 'category:%'"
)
PRODUCTS = Owner("catalog", "catalog.v1", _IDS, _published(""))
CATEGORIES = Owner("catalog", "catalog.v1", _CATEGORY_IDS, _published("category:"))
ACCOUNTS = Owner("auth", "auth.v1", "SELECT id FROM auth_users", _accounts)
PROFILES = Owner("profile", "profile.v1", "SELECT id FROM users WHERE preferences IS NOT NULL", _profiles)
COPIES = (
    Copy("analytics", "products", PRODUCTS, follow_ids),
    Copy("analytics", "categories", CATEGORIES, follow_ids),
    Copy(
        *("cart", "cart_items", PRODUCTS, follow_products, "product_id"),
        forget="UPDATE {table} SET product_version = 0, stock_version = 0, offer_version = 0, is_deleted = false"
        " WHERE {mine}",
        is_whole=False,
        part=20,
    ),
    Copy("content", "products", PRODUCTS, follow_catalog),
    Copy("content", "categories", CATEGORIES, follow_catalog),
    Copy("content", "wishes", PROFILES, follow_profiles, "user_id", "text"),
    Copy(
        *("profile", "users", ACCOUNTS, follow_auth),
        type="text",
        forget="UPDATE {table} SET account_version = 0 WHERE {mine}",
    ),
)


def owned_by(url: str) -> Owned:
    """A connection to an owner's database."""
    return psycopg.connect(url, autocommit=True, connect_timeout=5, row_factory=namedtuple_row)
