"""Who calls: verifies tokens, and signs the short-lived ones of services and of the preview's shoppers.

verifier = Verifier(settings.auth_issuer, settings.auth_jwks_url)
principal = await verifier.verify(token)               # raises Unauthorized
signer = Signer(settings.auth_signing_key_file, settings.auth_issuer)
headers = {"Authorization": f"Bearer {signer.service_token('gateway')}"}
token = signer.user_token("household-1", roles=["merchandiser"])
"""

import time
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, Literal

import jwt
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat

from services.common.identity.jwks import ALGORITHM, PublishedKeys
from services.common.runtime.errors import Unauthorized

ACCESS: Final = "access"
SERVICE: Final = "service"
BEARER = b"bearer"
REQUIRED = ["exp", "iat", "iss", "sub", "token_use"]
REMEMBERED = 10_000
LEEWAY = 5


class Claims(BaseModel):
    """The claims of a token; PyJWT checks the signature, the issuer and the times."""

    model_config = ConfigDict(strict=True)

    sub: Annotated[str, Field(pattern=r"^[^\x00]+$")]  # a pattern refuses half of a pair of surrogates, too
    token_use: Literal["access", "service"]
    exp: FiniteFloat
    roles: list[str] | None = None


@dataclass(frozen=True)
class Principal:
    """A verified caller; `subject` is the user's id, or the service's name."""

    subject: str
    is_service: bool
    roles: frozenset[str]
    expires_at: float


class Verifier:
    """Verifies RS256 tokens by the issuer's published keys; keeps keys, and tokens already verified."""

    def __init__(self, issuer: str, jwks_url: str | None) -> None:
        self._issuer = issuer
        self._keys = PublishedKeys(jwks_url)
        self._verified: OrderedDict[str, Principal] = OrderedDict()

    def known(self, token: str) -> Principal | None:
        """The caller of a token, if it was verified before and has not expired."""
        principal = self._verified.get(token)
        return principal if principal is not None and principal.expires_at > time.time() else None

    def known_caller(self, authorization: bytes | None) -> tuple[Principal | None, bool]:
        """The caller of a raw `Authorization` header, and whether it is known without verifying anything."""
        if authorization is None:
            return None, True
        scheme, _, token = authorization.partition(b" ")
        principal = self.known(token.decode("latin-1").strip()) if scheme.lower() == BEARER else None
        return principal, principal is not None

    async def verify(self, token: str) -> Principal:
        """Verify a token and return its caller.

        Raises:
            Unauthorized: the token is malformed, expired, not the issuer's, or lacks a claim.
            Unavailable: the issuer's keys have never been readable.
        """
        if (known := self.known(token)) is not None:
            return known
        try:
            identifier = jwt.get_unverified_header(token).get("kid")
            principal = self._principal(token, await self._keys.named(identifier))
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError) as error:  # PyJWT accepts some
            raise Unauthorized("The token is not valid.") from error
        self._verified[token] = principal
        while len(self._verified) > REMEMBERED:
            self._verified.popitem(last=False)
        return principal

    def _principal(self, token: str, keys: list[jwt.PyJWK]) -> Principal:
        failure: jwt.PyJWTError = jwt.InvalidKeyError("no key")
        for key in keys:
            try:
                claims = jwt.decode(
                    token,
                    key,
                    algorithms=[ALGORITHM],
                    issuer=self._issuer,
                    leeway=LEEWAY,
                    options={"require": REQUIRED, "verify_aud": False},
                )
            except jwt.InvalidSignatureError as error:
                failure = error
                continue
            told = Claims.model_validate(claims)
            return Principal(told.sub, told.token_use == SERVICE, frozenset(told.roles or ()), told.exp + LEEWAY)
        raise failure


class Signer:
    """Signs short-lived tokens with a key that this process may read: the development key of a local state."""

    def __init__(self, key_file: Path, issuer: str) -> None:
        self._key = key_file.read_bytes()
        self._issuer = issuer
        self._service_tokens: dict[str, tuple[str, float]] = {}

    def service_token(self, name: str, *, lifetime: int = 300) -> str:
        """A token with which service `name` calls another; reused until half of its life is over."""
        token, renew_at = self._service_tokens.get(name, ("", 0.0))
        if renew_at < time.monotonic():
            token = self._sign(name, SERVICE, [], lifetime)
            self._service_tokens[name] = (token, time.monotonic() + lifetime / 2)
        return token

    def user_token(self, user_id: str, *, roles: list[str] | None = None, lifetime: int = 900) -> str:
        """A token with which user `user_id` calls."""
        return self._sign(user_id, ACCESS, roles or [], lifetime)

    def _sign(self, subject: str, use: str, roles: list[str], lifetime: int) -> str:
        now = int(time.time())
        claims = {
            "iss": self._issuer,
            "sub": subject,
            "iat": now,
            "exp": now + lifetime,
            "token_use": use,
            "client_id": subject if use == SERVICE else "tanawari",
            "roles": roles,
        }
        return jwt.encode(claims, self._key, algorithm=ALGORITHM)
