"""The fast path of the collector: `POST /v1/actions` that `structs` can decode, from a known caller.

For the framework and the models, validation takes longer than everything else. The route calls the same function.
"""

import re
from typing import Final

from fastapi.responses import Response
from starlette.types import Scope

from services.analytics import structs
from services.analytics.api import PATH, answer
from services.analytics.sender import Sender
from services.common.identity.principal import Principal
from services.common.web.fast_path import Body, FastPath

LARGEST: Final = 1024 * 1024
"""A larger body goes to the route, which has its own limit."""
IDEMPOTENCY_KEY: Final = b"idempotency-key"
KEY: Final = re.compile(rb"[!-~]{1,200}")


class CollectorFastPath(FastPath):
    """Responds to clearly valid batches."""

    method, path = "POST", PATH

    async def answer(self, scope: Scope, body: Body) -> Response | None:
        """The response to a clearly valid batch."""
        if not _is_plain(scope) or (caller := self.caller(scope)) is None:
            return None
        if (content := await body.read(LARGEST)) is None:
            return None
        batch = structs.read(content)
        return None if batch is None else await answer(scope["app"].state, _sender(scope, caller), batch)


def _is_plain(scope: Scope) -> bool:
    """Whether it is a request that the route need not check."""
    if scope["path"] != PATH or scope["query_string"]:
        return False
    headers = dict(scope["headers"])
    media_type = headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
    if len(headers) < len(scope["headers"]) or media_type != b"application/json":
        return False
    key = headers.get(IDEMPOTENCY_KEY)
    return key is None or KEY.fullmatch(key) is not None


def _sender(scope: Scope, caller: Principal) -> Sender:
    headers = dict(scope["headers"])
    key = headers.get(IDEMPOTENCY_KEY)
    agent = headers.get(b"user-agent", b"").decode("latin-1")
    return Sender(caller, agent, None if key is None else key.decode())
