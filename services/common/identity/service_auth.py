"""How a service shows another who it is: each request of its client carries its own short-lived token.

ServiceClient("catalog", settings.catalog_url, auth=ServiceAuth.of(settings))
httpx2.AsyncClient(base_url=..., auth=ServiceAuth.of(settings))
"""

from collections.abc import Iterator
from typing import Self

import httpx2

from services.common.identity.tokens import Signer
from services.common.runtime.settings import ServiceSettings


class ServiceAuth(httpx2.Auth):
    """Authenticates requests as those of the service `name`."""

    def __init__(self, name: str, signer: Signer) -> None:
        self._name = name
        self._signer = signer

    @classmethod
    def of(cls, settings: ServiceSettings) -> Self | None:
        """The service's own; None where it has no key to sign with, so that it calls as anybody does."""
        key = settings.auth_signing_key_file
        return None if key is None else cls(settings.service, Signer(key, settings.auth_issuer))

    def auth_flow(self, request: httpx2.Request) -> Iterator[httpx2.Request]:  # type: ignore[override]  # a generator is one
        """Send the request with a token that holds."""
        request.headers["Authorization"] = f"Bearer {self._signer.service_token(self._name)}"
        yield request
