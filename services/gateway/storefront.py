"""The storefront preview: one document and its ES modules; no external resources, no inline script, no build step."""

from functools import partial

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from services.common.runtime.errors import NotFound
from services.gateway import languages, visitors
from services.gateway.storefront_files import edition

PAGES = {
    "/": "top-page",
    "/search": "search-page",
    "/categories": "categories-page",
    "/products/{productId:int}": "product-page",
    "/categories/{categoryId:int}": "search-page",
    "/preview/mails": "mails-page",
    "/merchandising": "merchandising-page",
    "/account": "account-page",
    "/cart": "cart-page",
    "/checkout": "checkout-page",
    "/orders": "orders-page",
    "/orders/{orderId:int}": "order-page",
    **{f"/account/{name}": "sign-in-pages" for name in ("register", "confirm", "login", "reset", "email")},
}
"""The module of each page, which its document loads beside `main.js`."""
MISSING = "missing-page"
API = "/v1/"
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' https:; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "same-origin",
    "Cache-Control": "private, no-cache",
}
FOREVER = {"Cache-Control": "public, max-age=31536000, immutable"}
CHECKED = {"Cache-Control": "no-cache"}
YEAR_SECONDS = 365 * 86_400


def install(app: FastAPI) -> None:
    """Serve the pages (one document; its modules read the address), the files and the icon."""
    for path, module in PAGES.items():
        app.add_route(path, partial(_page, module=module), include_in_schema=False)
    app.add_route("/favicon.ico", _icon, include_in_schema=False)
    app.add_route("/storefront/{name}", _file, include_in_schema=False)
    app.add_route("/storefront/{version}/{name}", _file, include_in_schema=False)
    app.router.default = _PageForPeople(app.router.default)


async def _page(request: Request, module: str, status: int = 200) -> Response:
    """The document for one module, in the language of the browser, which becomes a visitor."""
    now = edition()
    language = languages.choose(request, now.texts)
    document = now.document(language, f"{module}.js")
    response = document.response(request.headers, {**HEADERS, "Content-Language": language}, status)
    if request.query_params.get(languages.QUERY) == language:
        is_secure = request.url.scheme == "https"
        response.set_cookie(languages.COOKIE, language, YEAR_SECONDS, httponly=True, samesite="lax", secure=is_secure)
    await visitors.ensure(request, response)
    return response


class _PageForPeople:
    """What no route knows is a page that says so, where a browser shows it; else the answer of `app`."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer."""
        app = self._app
        if scope["type"] == "http" and scope["method"] in {"GET", "HEAD"} and not scope["path"].startswith(API):
            request = Request(scope, receive)
            if "text/html" in request.headers.get("accept", ""):
                app = await _page(request, MISSING, 404)
        await app(scope, receive, send)


async def _icon(request: Request) -> Response:
    return edition().files["favicon.svg"].response(request.headers, {"Cache-Control": "max-age=86400"})


async def _file(request: Request) -> Response:
    """A file; kept for ever under the version of now, else looked at again each time."""
    now = edition()
    if (file := now.files.get(request.path_params["name"])) is None:
        raise NotFound
    return file.response(request.headers, FOREVER if request.path_params.get("version") == now.version else CHECKED)
