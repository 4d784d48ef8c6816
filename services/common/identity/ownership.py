"""Whose data it is: a user's is for that user, a visitor's for the holder of that visitor's token.

Further roles and services are a route's policy; there is no other way to another's data.
"""

import re
import uuid
from typing import Final

from services.common.identity.principal import Principal
from services.contracts.envelope import VISITOR

_VISITOR_ID: Final = re.compile(VISITOR + r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def new_visitor_id() -> str:
    """A new visitor id."""
    return f"{VISITOR}{uuid.uuid4()}"


def is_visitor(user_id: str) -> bool:
    """Whether an id is a visitor's; imported visitor ids may have any form."""
    return user_id.startswith(VISITOR)


def is_visitor_id(user_id: str) -> bool:
    """Whether an id is a visitor's in the form that the gateway gives out, which cannot be guessed."""
    return _VISITOR_ID.fullmatch(user_id) is not None


def no_visitor(user_id: str) -> str:
    """The id, which a field takes for a user's.

    Raises:
        ValueError: it is a visitor's.
    """
    if is_visitor(user_id):
        raise ValueError(f"must not begin with {VISITOR}: such ids are visitors'")
    return user_id


def is_owner(caller: Principal | None, user_id: str) -> bool:
    """Whether data of `user_id` is the caller's own."""
    return caller is not None and not caller.is_service and caller.subject == user_id
