"""The storefront preview's static files: HTML, CSS and ES modules, no external resources, no inline script."""

from pathlib import Path

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from services.gateway import visitors

FOLDER = Path(__file__).with_name("storefront")
PAGES = (
    *("/", "/search", "/products/{productId:int}", "/categories/{categoryId:int}", "/preview/mails", "/account"),
    *("/cart", "/checkout", "/orders", "/orders/{orderId:int}"),
    *(f"/account/{name}" for name in ("register", "confirm", "login", "reset", "email")),
)
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' https:; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "same-origin",
    "Cache-Control": "private, no-cache",
}


def install(app: FastAPI) -> None:
    """Serve the pages (one document; its modules read the address), the files and the icon."""
    for path in PAGES:
        app.add_route(path, _page, include_in_schema=False)
    app.add_route("/favicon.ico", _icon, include_in_schema=False)
    app.mount("/storefront", _Files(directory=FOLDER))


async def _page(request: Request) -> Response:
    response = HTMLResponse((FOLDER / "index.html").read_bytes(), headers=HEADERS)
    await visitors.ensure(request, response)
    return response


async def _icon(_: Request) -> Response:
    return FileResponse(FOLDER / "favicon.svg", headers={"Cache-Control": "max-age=86400"})


class _Files(StaticFiles):
    """Static files that are always revalidated (mostly 304), so that a new version shows immediately."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers["Cache-Control"] = "no-cache"
        return response
