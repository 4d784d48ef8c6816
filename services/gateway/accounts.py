"""What the gateway asks of auth for a browser. Without auth nobody can log in; all else goes on."""

from typing import Any, TypeVar
from urllib.parse import quote

import httpx2
from fastapi import Request
from pydantic import ValidationError
from starlette.responses import Response

from services.common.runtime.answers import CallFailedError, UnexpectedStatusError
from services.common.runtime.errors import MEDIA_TYPE, Problem, ProblemDocument, Unavailable
from services.common.runtime.http_client import ServiceClient
from services.common.runtime.shared_calls import SharedCalls
from services.gateway.schemas_session import Login, Tokens, ViewToken
from services.gateway.settings import GatewaySettings

SECONDS = 5.0
"""How long auth may take: it compares passwords slowly on purpose, and one after the other."""
PASSED_HEADERS = ("retry-after", "www-authenticate")
Answer = TypeVar("Answer")


class LoginUnavailable(Unavailable):
    """Auth does not answer, or says what nobody understands."""

    title = "Login unavailable"

    def __init__(self) -> None:
        super().__init__("Logging in is not possible at the moment. Please try again in a little while.")


class Refusal(Problem):
    """What auth refused, in its own words."""

    def __init__(self, answer: httpx2.Response) -> None:
        super().__init__()
        self._answer = answer

    def response(self) -> Response:
        """Auth's answer."""
        kept = {name: self._answer.headers[name] for name in PASSED_HEADERS if name in self._answer.headers}
        return Response(self._answer.content, self._answer.status_code, headers=kept, media_type=MEDIA_TYPE)


class Accounts:
    """Calls of auth. Each method raises `Refusal` or `LoginUnavailable`."""

    def __init__(self, settings: GatewaySettings) -> None:
        self._client = ServiceClient("auth", settings.auth_url, timeout=SECONDS)
        self._as_gateway = settings.authentication("auth")
        self._refreshes: SharedCalls[Tokens] = SharedCalls()

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def log_in(self, request: Request, login: Login, visitor_token: str | None) -> Tokens:
        """The tokens of a new session; the visitor is the one who logs in."""
        visitor = {"X-Visitor-Token": visitor_token} if visitor_token else {}
        headers = {**_origin(request), **visitor}
        return await self._ask(Tokens, "POST", "/v1/auth/sessions", headers=headers, json=login.model_dump())

    async def refresh(self, request: Request, refresh_token: str) -> Tokens:
        """New tokens for a refresh token; requests of several tabs at once get the same ones."""
        headers, body = _origin(request), {"refreshToken": refresh_token}
        try:
            return await self._refreshes.join(
                refresh_token,
                lambda: self._ask(Tokens, "POST", "/v1/auth/sessions/refresh", headers=headers, json=body),
            )
        except CallFailedError as error:
            raise LoginUnavailable from error

    async def log_out(self, request: Request, access_token: str) -> None:
        """End a session."""
        headers = {**_origin(request), "Authorization": f"Bearer {access_token}"}
        answer = await self._client.request("DELETE", "/v1/auth/sessions/current", headers=headers)
        if not answer.is_success:
            raise _refusal(answer)

    async def view_as(self, request: Request, user_id: str) -> ViewToken:
        """A token with which the preview views as a user."""
        path = f"/v1/auth/users/{quote(user_id, safe='')}/view-as"
        return await self._ask(ViewToken, "POST", path, headers=_origin(request), auth=self._as_gateway)

    async def _ask(self, shape: type[Answer], method: str, path: str, **options: Any) -> Answer:  # noqa: ANN401 - httpx2's own
        try:
            return await self._client.read(shape, method, path, **options)
        except UnexpectedStatusError as error:
            raise _refusal(error.answer) from error
        except CallFailedError as error:
            raise LoginUnavailable from error


def _refusal(answer: httpx2.Response) -> Problem:
    """Auth's answer if it is a caller's fault that is described, else that auth is unavailable."""
    try:
        document = ProblemDocument.model_validate_json(answer.content)
    except ValidationError:
        return LoginUnavailable()
    is_refusal = answer.is_client_error and document.status == answer.status_code
    return Refusal(answer) if is_refusal else LoginUnavailable()


def _origin(request: Request) -> dict[str, str]:
    """Who asks, for auth's limits and its log."""
    address = request.client.host if request.client else "unknown"
    return {"X-Forwarded-For": address, "X-Request-Id": request.state.request_id}
