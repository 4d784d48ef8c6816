"""OAuth 2.0 client credentials (RFC 6749, 4.4) for calls to somebody else's API.

ServiceClient("paypal", url, auth=ClientCredentials(f"{url}/v1/oauth2/token", client_id, secret))
"""

import time
from collections.abc import AsyncGenerator
from typing import Final

import httpx2
from pydantic import BaseModel, ValidationError

RENEWED_BEFORE: Final = 60.0
"""So many seconds before its end a token is replaced."""


class _Grant(BaseModel):
    access_token: str
    expires_in: float


class ClientCredentials(httpx2.Auth):
    """Puts a token into each request, and asks for one when there is none, or the last one was refused."""

    def __init__(self, url: str, client_id: str, secret: str) -> None:
        self._url = url
        self._basic = httpx2.BasicAuth(client_id, secret)
        self._token, self._until = "", 0.0

    async def async_auth_flow(self, request: httpx2.Request) -> AsyncGenerator[httpx2.Request, httpx2.Response]:
        """Send the request with a token; without one it fails as if there were no answer."""
        if time.monotonic() > self._until:
            asking = httpx2.Request("POST", self._url, data={"grant_type": "client_credentials"})
            answer = yield next(self._basic.auth_flow(asking))
            try:
                grant = _Grant.model_validate_json(await answer.aread())
            except ValidationError as error:
                raise httpx2.DecodingError(f"no token, but {answer.status_code}", request=asking) from error
            self._token, self._until = grant.access_token, time.monotonic() + grant.expires_in - RENEWED_BEFORE
        request.headers["Authorization"] = f"Bearer {self._token}"
        answer = yield request
        if answer.status_code == httpx2.codes.UNAUTHORIZED:
            self._until = 0.0
