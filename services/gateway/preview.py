"""The preview's own: viewing as a user without a login, and the mails that auth sent into a folder.

Only if `GATEWAY_PREVIEW_LOGIN` is set, as in the demo: whoever opens the preview can be anybody.
"""

from collections.abc import Iterator
from email import message_from_bytes, policy
from pathlib import Path
from typing import Annotated

from fastapi import Depends, Request, Response

from services.common.identity.policy import PUBLIC
from services.common.runtime.errors import NotFound, problems
from services.common.web.routing import Router
from services.gateway import cookies, session
from services.gateway.rate_limit import LIMITED
from services.gateway.schemas_session import Inbox, Mail, NewView, SessionOut
from services.gateway.session import AccountsOf
from services.gateway.settings import GatewaySettings

router = Router(tags=["preview"], responses=problems(429))
MOST_MAILS = 20


class PreviewOff(NotFound):
    """This gateway shows nothing without a login."""

    title = "Preview is off"


def _settings(request: Request) -> GatewaySettings:
    settings: GatewaySettings = request.app.state.settings
    if not settings.preview_login:
        raise PreviewOff("The preview needs GATEWAY_PREVIEW_LOGIN.")
    return settings


ON = Depends(_settings)


@router.post("/preview/view", dependencies=[PUBLIC, LIMITED, cookies.OUR_PAGE, ON], responses=problems(403, 404))
async def view_as(request: Request, response: Response, body: NewView, accounts: AccountsOf) -> SessionOut:
    """View as a user for some minutes; auth records it. The token has no roles, and changes nothing of the user's."""
    view = await accounts.view_as(request, body.user_id)
    viewed = await session.user_of(request, view.access_token)
    cookies.put(request, response, cookies.VIEW, view.access_token, view.expires_in)
    return session.described(request, viewed, can_refresh=cookies.REFRESH in request.cookies)


@router.delete("/preview/view", dependencies=[PUBLIC, LIMITED, cookies.OUR_PAGE, ON], responses=problems(403, 404))
async def stop_viewing(request: Request, response: Response) -> SessionOut:
    """Be oneself again: the user who logged in, or the visitor."""
    cookies.drop(request, response, cookies.VIEW)
    return await session.current(request, response, (cookies.SESSION, cookies.VISITOR))


@router.get("/preview/inbox", dependencies=[PUBLIC, LIMITED], responses=problems(404))
def read_inbox(settings: Annotated[GatewaySettings, ON], response: Response) -> Inbox:
    """The latest mails of all users."""
    response.headers["Cache-Control"] = "no-store"
    if settings.preview_mail_folder is None:
        raise PreviewOff("The mails need GATEWAY_PREVIEW_MAIL_FOLDER.")
    return Inbox(items=list(_mails(settings.preview_mail_folder)))


def _mails(folder: Path) -> Iterator[Mail]:
    """The latest mails first: auth names the files by the time."""
    for file in sorted(folder.glob("*.eml"), reverse=True)[:MOST_MAILS]:
        mail = message_from_bytes(file.read_bytes(), policy=policy.default)
        body = mail.get_body(("plain",))
        text = body.get_content() if body is not None else ""
        yield Mail(to=str(mail["To"]), subject=str(mail["Subject"]), sent_at=str(mail["Date"]), text=text)
