"""Who may change what shoppers are shown."""

from typing import Annotated

from services.common.identity.policy import role
from services.common.identity.principal import Principal

MERCHANDISERS = ("merchandiser", "admin")
MERCHANDISER = role(*MERCHANDISERS)
Merchandiser = Annotated[Principal, MERCHANDISER]
"""A parameter of this type is the calling merchandiser, whom the audit trail names."""
