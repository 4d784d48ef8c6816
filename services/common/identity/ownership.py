"""Ownership: a visitor's data (`anon:…`) is open, a user's data is for that user alone; services see everything.

check_owner(caller, user_id)                              # 401 without a token, 403 with another user's
check_owner(caller, user_id, "merchandiser", "admin")     # users with one of these roles pass as well
"""

import re
import uuid
from typing import Final

from services.common.identity.tokens import Principal
from services.common.runtime.errors import Forbidden, Unauthorized
from services.contracts.envelope import VISITOR

_VISITOR_ID: Final = re.compile(VISITOR + r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def new_visitor_id() -> str:
    """A new visitor id."""
    return f"{VISITOR}{uuid.uuid4()}"


def is_visitor(user_id: str) -> bool:
    """Whether an id is a visitor's; imported visitor ids may have any form."""
    return user_id.startswith(VISITOR)


def is_visitor_id(user_id: str) -> bool:
    """Whether an id is a visitor's in the form that storefronts create, which cannot be guessed."""
    return _VISITOR_ID.fullmatch(user_id) is not None


def is_owner(caller: Principal | None, user_id: str | None) -> bool:
    """Whether the caller may see data of `user_id`; data without a user (None) or of a visitor is visible to all."""
    if user_id is None or is_visitor(user_id):
        return True
    return caller is not None and (caller.is_service or caller.subject == user_id)


def check_owner(caller: Principal | None, user_id: str | None, *roles: str) -> None:
    """Allow the owner, and users with one of the roles.

    Raises:
        Unauthorized: it is a user's, and there is no token.
        Forbidden: it is another user's.
    """
    if is_owner(caller, user_id):
        return
    if caller is None:
        raise Unauthorized("This needs the user's own token.")
    if caller.roles.isdisjoint(roles):
        raise Forbidden("This token may not act for another user.")
