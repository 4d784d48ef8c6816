"""What the use cases are made with; `app.py` puts it together."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from services.auth.attempts import Attempts
from services.auth.provider import IdentityProvider
from services.auth.settings import AuthSettings
from services.common.storage.database import Database
from services.contracts.signing import Signer


@dataclass(frozen=True)
class Parts:
    """The service's parts."""

    settings: AuthSettings
    database: Database
    provider: IdentityProvider
    attempts: Attempts
    signer: Signer


def _parts(request: Request) -> Parts:
    parts: Parts = request.app.state.parts
    return parts


PartsOf = Annotated[Parts, Depends(_parts)]
"""A parameter of this type is the service's parts."""
