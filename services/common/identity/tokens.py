"""Verifies tokens: RS256 only, by the keys that a known issuer publishes, for us, for a use that the key may sign.

verifier = Verifier.of(settings)
principal = await verifier.verify(token)               # raises Unauthorized

A token that was verified is remembered for some minutes; whether it was revoked is asked each time.
"""

import time
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Final, Self

import jwt
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat

from services.common.identity.issuers import Issuer
from services.common.identity.jwks import LIFETIME, Grant
from services.common.identity.ownership import is_visitor, is_visitor_id
from services.common.identity.principal import Kind, Principal
from services.common.identity.revocation import Revocations
from services.common.runtime.errors import Unauthorized
from services.common.runtime.settings import ServiceSettings
from services.contracts.envelope import UserId
from services.contracts.signing import ACCESS, ALGORITHM, SERVICE, VISITOR_USE

__all__ = ["Principal", "Verifier"]
AUTHORIZATION: Final = b"authorization"
BEARER: Final = b"bearer"
REQUIRED: Final = ["exp", "iat", "iss", "sub"]
REMEMBERED: Final = 10_000
REMEMBERED_SECONDS: Final = LIFETIME
"""A key that was withdrawn before its time is trusted for no longer, whatever was verified by it."""
LONGEST: Final = 8 * 1024
"""Characters of a token: those that were verified are kept in memory."""
LEEWAY: Final = 5
KINDS: Final[Mapping[str, Kind]] = {ACCESS: "user", VISITOR_USE: "visitor", SERVICE: "service"}
REFUSED: Final = (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError)
"""What PyJWT and its parts raise for odd tokens."""


class Actor(BaseModel):
    """Who views as the subject (RFC 8693)."""

    model_config = ConfigDict(strict=True)

    sub: UserId


class Claims(BaseModel):
    """The claims of a token; PyJWT checks the signature, the issuer and the times."""

    model_config = ConfigDict(strict=True)

    sub: UserId
    token_use: str = ACCESS
    iat: FiniteFloat
    exp: FiniteFloat
    aud: str | list[str] = []
    client_id: str | None = None
    sid: str | None = None
    act: Actor | None = None

    @property
    def audiences(self) -> frozenset[str]:
        """Whom it is for; Amazon Cognito names the client instead."""
        named = [self.aud] if isinstance(self.aud, str) else self.aud
        return frozenset(named or ([self.client_id] if self.client_id else []))


class _Roles(BaseModel):
    model_config = ConfigDict(strict=True)

    roles: Annotated[list[str], Field(max_length=100)] = []


class Verifier:
    """Verifies the tokens of issuers.

    Args:
        issuers: by the `iss` of their tokens.
        revocations: tokens that were revoked.
    """

    def __init__(self, issuers: Mapping[str, Issuer], revocations: Revocations) -> None:
        self._issuers = issuers
        self.revocations = revocations
        self._verified: OrderedDict[str, tuple[Principal, float]] = OrderedDict()

    @classmethod
    def of(cls, settings: ServiceSettings, *, also_called: Iterable[str] = ()) -> Self:
        """The verifier of a service, which is called by its own name; a gateway's also by those behind it."""
        called = frozenset({settings.service, *also_called})
        issuers = {each.issuer: Issuer(each, called=called) for each in settings.auth_trusted_issuers}
        own = Issuer(jwks_url=settings.auth_jwks_url, called=called)
        return cls({**issuers, settings.auth_issuer: own}, Revocations())

    def known(self, token: str) -> Principal | None:
        """The caller of a token that was verified before and is valid."""
        principal, until = self._verified.get(token, (None, 0.0))
        return principal if principal and until > time.time() and not self.revocations.covers(principal) else None

    def known_caller(self, headers: Iterable[tuple[bytes, bytes]]) -> tuple[Principal | None, bool]:
        """The caller of a request with these raw headers, and whether it is known without verifying anything."""
        given = [value for name, value in headers if name == AUTHORIZATION]
        if not given:
            return None, True
        scheme, _, token = given[0].partition(b" ")
        is_plain = len(given) == 1 and scheme.lower() == BEARER
        principal = self.known(token.decode("latin-1").strip()) if is_plain else None
        return principal, principal is not None

    async def verify(self, token: str) -> Principal:
        """Verify a token and return its caller.

        Raises:
            Unauthorized: the token is malformed, expired, revoked, not for us, or not of a key that may sign it.
            Unavailable: the issuer's keys have never been readable.
        """
        if (known := self.known(token)) is not None:
            return known
        if len(token) > LONGEST:
            raise Unauthorized("The token is too long.")
        try:
            principal = await self._principal(token)
        except REFUSED as error:
            raise Unauthorized("The token is not valid.") from error
        if self.revocations.covers(principal):
            raise Unauthorized("The token was revoked.")
        self._verified[token] = principal, min(principal.expires_at, time.time() + REMEMBERED_SECONDS)
        while len(self._verified) > REMEMBERED:
            self._verified.popitem(last=False)
        return principal

    async def _principal(self, token: str) -> Principal:
        head = jwt.get_unverified_header(token)
        named = jwt.decode(token, options={"verify_signature": False}).get("iss")
        issuer = self._issuers.get(named) if isinstance(named, str) else None
        key_id = head.get("kid")
        key = await issuer.keys.named(key_id) if issuer and isinstance(key_id, str) else None
        if issuer is None or key is None:
            raise jwt.InvalidKeyError("unknown issuer or key")
        options: Any = {"require": REQUIRED, "verify_aud": False}
        claims = jwt.decode(token, key.key, algorithms=[ALGORITHM], issuer=named, leeway=LEEWAY, options=options)
        grant = issuer.grant or key.grant
        assert grant is not None, "our own keys say what they may sign"
        return _checked(claims, issuer, grant)


def _checked(claims: Mapping[str, Any], issuer: Issuer, grant: Grant) -> Principal:
    """The caller, if the key may sign such a token for us.

    Raises:
        ValueError: it may not.
    """
    told = Claims.model_validate(claims)
    use, subject = told.token_use, told.sub
    if use not in KINDS or use not in grant.token_use or not told.audiences & grant.audiences & issuer.audiences(use):
        raise ValueError("not a use or an audience of this key")
    if told.exp - told.iat > issuer.longest_seconds(use):
        raise ValueError("valid for too long")
    if use == SERVICE and subject != grant.service:
        raise ValueError("another service's name")
    if (use == VISITOR_USE and not is_visitor_id(subject)) or (use == ACCESS and is_visitor(subject)):
        raise ValueError("not a subject of this kind")
    has_roles = use == ACCESS and told.act is None  # who views as somebody has no powers from that
    roles = _Roles.model_validate({"roles": claims.get(issuer.roles_claim, [])}).roles if has_roles else ()
    return Principal(
        KINDS[use],
        subject,
        issuer.permitted(frozenset(roles)),
        told.iat,
        told.exp + LEEWAY,
        told.sid,
        told.act.sub if told.act else None,
    )
