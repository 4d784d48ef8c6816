"""The content security policy of the API pages: one inline script by its hash, everything else from this host."""

import re
from base64 import b64encode
from hashlib import sha256

from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

PAGES = ("/docs", "/redoc")
INLINE = re.compile(r"<script>(.*?)</script>", re.DOTALL)


class DocsPolicy:
    """Adds a content security policy to the API pages; `page` is the one with the script."""

    def __init__(self, app: ASGIApp, page: str) -> None:
        self._app = app
        (script,) = INLINE.findall(page)
        digest = b64encode(sha256(script.encode()).digest()).decode()
        self._policy = (
            f"default-src 'none'; script-src 'self' 'sha256-{digest}'; "
            "style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; worker-src blob:; "
            "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["Content-Security-Policy"] = self._policy
            await send(message)

        await self._app(scope, receive, answer if scope.get("path") in PAGES else send)


def page_of(app: FastAPI) -> str:
    """The API page; only its inline script matters, which `fastapi_offline` renders identically."""
    page = get_swagger_ui_html(
        openapi_url=str(app.openapi_url),
        title="",
        oauth2_redirect_url=app.swagger_ui_oauth2_redirect_url,
        swagger_ui_parameters=app.swagger_ui_parameters,
    )
    return bytes(page.body).decode()
