"""Signs the tokens of a process with its own key; `services.common.identity` verifies them.

    signer = Signer(Path("keys/order.pem"), issuer)
    httpx2.AsyncClient(base_url=..., auth=signer.authenticate("order", "catalog"))   # a token for each request
    token = signer.user_token("u1", roles=["analyst"], session_id="s1")

Tokens are JWTs (RFC 7519) by RS256. The header names the key by its thumbprint (RFC 7638), under which it is published.
"""

import base64
import hashlib
import json
import time
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any, Final, Protocol

import jwt
import uuid_utils
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from jwt.algorithms import RSAAlgorithm

ALGORITHM: Final = "RS256"
ACCESS: Final = "access"
SERVICE: Final = "service"
VISITOR_USE: Final = "visitor"
LONGEST_SECONDS: Final = {ACCESS: 300, SERVICE: 300, VISITOR_USE: 365 * 86_400}
"""How long a token of each use may be valid; verifiers refuse those that are valid for longer."""
AUDIENCE: Final = "tanawari"
"""The audience of users' and visitors' tokens; a service token's is the service that is called."""
SERVICE_SECONDS: Final = 120
ROLES: Final = ("customer", "merchandiser", "analyst", "operator", "admin")
"""What a user's token may say that the user is."""


def version_of(file: Path) -> tuple[int, int]:
    """Another one when the file was replaced, be it within one tick of the clock.

    Raises:
        OSError: there is no such file.
    """
    found = file.stat()
    return found.st_mtime_ns, found.st_ino


class Request(Protocol):
    """What `authenticate` needs of an HTTP client's request."""

    headers: Any


def public_jwk(key: RSAPublicKey) -> dict[str, str]:
    """A public key as a JWK (RFC 7517) whose `kid` is its thumbprint."""
    found = RSAAlgorithm.to_jwk(key, as_dict=True)
    thumbprint = hashlib.sha256(
        json.dumps({name: found[name] for name in ("e", "kty", "n")}, separators=(",", ":")).encode()
    )
    key_id = base64.urlsafe_b64encode(thumbprint.digest()).rstrip(b"=").decode()
    return {"kty": "RSA", "n": found["n"], "e": found["e"], "kid": key_id, "alg": ALGORITHM, "use": "sig"}


class Signer:
    """Signs with the key in a PEM file, which is read again when it was replaced.

    Args:
        key_file: the private key of this process.
        issuer: the `iss` of its tokens.
    """

    def __init__(self, key_file: Path, issuer: str) -> None:
        self._file = key_file
        self._issuer = issuer
        self._read_of = (-1, -1)
        self._key: RSAPrivateKey
        self._key_id = ""
        self._service_tokens: dict[tuple[str, str], tuple[str, float]] = {}

    def user_token(
        self,
        user_id: str,
        *,
        roles: Collection[str] = (),
        session_id: str | None = None,
        actor: str | None = None,
        lifetime: float = LONGEST_SECONDS[ACCESS],
    ) -> str:
        """A user's token; `actor` is the scope of who views as that user (RFC 8693's `act`)."""
        more = {"sid": session_id, "act": {"sub": actor} if actor else None}
        return self._sign(ACCESS, user_id, AUDIENCE, lifetime, roles=list(roles), **more)

    def visitor_token(self, visitor_id: str, *, lifetime: float = LONGEST_SECONDS[VISITOR_USE]) -> str:
        """The token of a visitor, `anon:<uuid>`."""
        return self._sign(VISITOR_USE, visitor_id, AUDIENCE, lifetime)

    def service_token(self, service: str, audience: str) -> str:
        """A token with which `service` calls the service `audience`; the same one for half of its life."""
        self._reload()
        token, signed_at = self._service_tokens.get((service, audience), ("", 0.0))
        now = time.time()
        if not 0 <= now - signed_at < SERVICE_SECONDS / 2:  # below 0 after the clock was set back
            token = self._sign(SERVICE, service, audience, SERVICE_SECONDS)
            self._service_tokens[service, audience] = token, now
        return token

    @property
    def public_key(self) -> RSAPublicKey:
        """The public half of the key."""
        self._reload()
        return self._key.public_key()

    def authenticate(self, service: str, audience: str) -> Callable[[Any], Any]:
        """An HTTP client's `auth`: each request carries the service's token for `audience`."""

        def with_token(request: Request) -> Request:
            request.headers["Authorization"] = f"Bearer {self.service_token(service, audience)}"
            return request

        return with_token

    def _sign(self, use: str, subject: str, audience: str, lifetime: float, **more: Any) -> str:  # noqa: ANN401 - claims
        self._reload()
        now = time.time()  # with its fraction: a session that began just after a revocation is not covered by it
        claims = {
            "iss": self._issuer,
            "sub": subject,
            "aud": audience,
            "iat": now,
            "exp": int(now + lifetime),
            "token_use": use,
            "jti": str(uuid_utils.uuid7()),
            **{name: value for name, value in more.items() if value is not None},
        }
        return jwt.encode(claims, self._key, algorithm=ALGORITHM, headers={"kid": self._key_id})

    def _reload(self) -> None:
        """Read the key if its file was replaced.

        Raises:
            OSError: the file cannot be read.
            ValueError: it holds no RSA key.
        """
        version = version_of(self._file)
        if version == self._read_of:
            return
        key = load_pem_private_key(self._file.read_bytes(), password=None)
        if not isinstance(key, RSAPrivateKey):
            raise ValueError(f"{self._file} holds no RSA key")  # noqa: TRY004 - the file's content is wrong, not a type
        self._key, self._key_id, self._read_of = key, public_jwk(key.public_key())["kid"], version
        self._service_tokens.clear()
