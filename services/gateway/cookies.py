"""The browser's cookies: tokens that no script can read, and which of them stands for a request.

tanawari_view      somebody views as a user, in the preview
tanawari_session   a user who logged in: the access token
tanawari_refresh   the same session's refresh token, which is sent to /session only
tanawari_visitor   a visitor

The first one of view, session and visitor counts. A cookie ends no later than its token.
"""

from typing import Any, Final

from fastapi import Depends
from starlette.requests import Request
from starlette.responses import Response

from services.common.runtime.errors import Forbidden

VIEW: Final = "tanawari_view"
SESSION: Final = "tanawari_session"
REFRESH: Final = "tanawari_refresh"
VISITOR: Final = "tanawari_visitor"
IDENTITIES: Final = (VIEW, SESSION, VISITOR)
REFRESH_PATH: Final = "/session"
SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})


class ForeignPage(Forbidden):
    """A page of another site, or of another program on this machine, sent this."""

    title = "Not from our page"


def put(request: Request, response: Response, name: str, token: str, seconds: int) -> None:
    """Set a cookie for as long as its token is valid."""
    response.set_cookie(name, token, max_age=seconds, **_attributes(request, name))


def drop(request: Request, response: Response, *names: str) -> None:
    """Remove cookies."""
    for name in names:
        response.delete_cookie(name, **_attributes(request, name))


def token_of(request: Request) -> str | None:
    """The token of whom the browser stands for."""
    return next((token for name in IDENTITIES if (token := request.cookies.get(name))), None)


def is_from_our_page(request: Request) -> bool:
    """Whether one of our pages sent an unsafe request, or no browser did.

    SameSite does not part two ports of one host, as the demo's tools have: the browser's own word does. Browsers that
    do not say it name the origin.
    """
    if request.method in SAFE_METHODS:
        return True
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    if site is not None:
        return site == "same-origin"
    return origin is None or origin.partition("://")[2] == request.headers.get("host")


def is_from_elsewhere(request: Request) -> bool:
    """Whether another site's link led here: the browser keeps our cookies back, and a new one would replace them."""
    return request.headers.get("sec-fetch-site") == "cross-site"


def _attributes(request: Request, name: str) -> dict[str, Any]:
    path = REFRESH_PATH if name == REFRESH else "/"
    return {"path": path, "httponly": True, "samesite": "strict", "secure": request.url.scheme == "https"}


def _refuse_other_pages(request: Request, response: Response) -> None:
    if is_from_elsewhere(request) or not is_from_our_page(request):
        raise ForeignPage("Only a page of this shop may do that.")
    response.headers["Cache-Control"] = "no-store"


OUR_PAGE: Any = Depends(_refuse_other_pages)
"""Refuses other pages where a cookie is set: they could log somebody in, or out. No cache keeps the answer."""
