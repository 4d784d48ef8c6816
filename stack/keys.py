"""The development signing key: it exists only in a local state, and signs tokens that the services verify."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

ISSUER = "https://tanawari.local"
HOUR = timedelta(hours=1)
KEY_ID = "tanawari-development"


@dataclass(frozen=True)
class SigningKeys:
    """A private key (PEM) and its public half as a JWKS file."""

    key_file: Path
    jwks_file: Path
    issuer: str = ISSUER

    @property
    def environment(self) -> dict[str, str]:
        """The variables of processes that sign or verify."""
        return {
            "AUTH_ISSUER": self.issuer,
            "AUTH_JWKS_URL": self.jwks_file.absolute().as_uri(),
            "AUTH_SIGNING_KEY_FILE": str(self.key_file.absolute()),
        }

    def token(
        self,
        subject: str,
        *,
        use: str = "access",
        roles: tuple[str, ...] = (),
        lifetime: timedelta = timedelta(hours=1),
    ) -> str:
        """A signed token: `use` is `access` for people and `service` for services."""
        now = datetime.now(UTC)
        claims = {
            "iss": self.issuer,
            "sub": subject,
            "iat": now,
            "exp": now + lifetime,
            "token_use": use,
            "client_id": subject if use == "service" else "tanawari",
            "roles": list(roles),
        }
        return jwt.encode(claims, self._private, algorithm="RS256", headers={"kid": KEY_ID})

    @cached_property
    def _private(self) -> rsa.RSAPrivateKey:
        """The private key, cached: reading it takes longer than signing."""
        key = serialization.load_pem_private_key(self.key_file.read_bytes(), password=None)
        assert isinstance(key, rsa.RSAPrivateKey), "as create_signing_keys made it"
        return key


def create_signing_keys(directory: Path) -> SigningKeys:
    """The key pair in a directory (`signing-key.pem`, `jwks.json`), created at the first call."""
    keys = SigningKeys(directory / "signing-key.pem", directory / "jwks.json")
    if not keys.key_file.exists():
        private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        pem = private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        public = {
            **RSAAlgorithm.to_jwk(private.public_key(), as_dict=True),
            "kid": KEY_ID,
            "alg": "RS256",
            "use": "sig",
        }
        keys.jwks_file.write_text(json.dumps({"keys": [public]}))
        draft = keys.key_file.with_suffix(".new")  # a full disk must not leave a partial key
        draft.touch(mode=0o600)
        draft.write_bytes(pem)
        draft.replace(keys.key_file)
    return keys
