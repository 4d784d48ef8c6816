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
from services.common.identity.tokens import Verifier
from services.common.web.fast_path import Body, FastPath

LARGEST: Final = 1024 * 1024
"""A larger body goes to the route, which has its own limit."""
KEY: Final = re.compile(rb"[!-~]{1,200}")


class CollectorFastPath(FastPath):
    """Responds to clearly valid batches."""

    method, path = "POST", PATH

    async def answer(self, scope: Scope, body: Body) -> Response | None:
        """The response to a clearly valid batch."""
        if (sender := _sender(scope)) is None or (content := await body.read(LARGEST)) is None:
            return None
        batch = structs.read(content)
        return None if batch is None else await answer(scope["app"].state, sender, batch)


def _sender(scope: Scope) -> Sender | None:
    """The sender of a batch; None for other requests, and for those that the route must check."""
    if scope["path"] != PATH or scope["query_string"]:
        return None
    headers = dict(scope["headers"])
    media_type = headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
    if len(headers) < len(scope["headers"]) or media_type != b"application/json":
        return None
    key = headers.get(b"idempotency-key")
    if key is not None and not KEY.fullmatch(key):
        return None
    verifier: Verifier = scope["app"].state.verifier
    principal, _ = verifier.known_caller(headers.get(b"authorization"))
    if principal is None:
        return None
    agent = headers.get(b"user-agent", b"").decode("latin-1")
    return Sender(principal, agent, None if key is None else key.decode())
