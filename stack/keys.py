"""The signing keys of a deployment: one private key for each process that signs, and the list of all public ones.

    keys = Keyring(directory).ensure()
    keys.rotate("auth")

published.json      the public keys (JWKS), each with its holder and what it may sign; AUTH_JWKS_URL
auth.pem, ...       a private key of each holder (0600); AUTH_SIGNING_KEY_FILE of that process alone

A rotation publishes the new key before anything is signed by it, and the old one stays until its last token has ended.
"""

import fcntl
import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from services.contracts.signing import ACCESS, AUDIENCE, LONGEST_SECONDS, SERVICE, VISITOR_USE, Signer, public_jwk
from stack.files import write_json
from stack.state import StateError

ISSUER: Final = "https://tanawari.local"
MARGIN_SECONDS: Final = 60
"""For clocks that differ."""
NOTICE_SECONDS: Final = 6.0
"""Within this time every process knows a key that was published (`services.common.identity.jwks`)."""
Key = dict[str, Any]


@dataclass(frozen=True)
class Holder:
    """What one process may sign: tokens of these uses, for these audiences."""

    token_use: tuple[str, ...]
    audiences: tuple[str, ...]

    @property
    def longest_seconds(self) -> int:
        """When the last token of a replaced key has ended."""
        return max(LONGEST_SECONDS[use] for use in self.token_use) + MARGIN_SECONDS


HOLDERS: Final = {
    "auth": Holder((ACCESS,), (AUDIENCE,)),
    "gateway": Holder((VISITOR_USE, SERVICE), (AUDIENCE, "auth")),
    "profile": Holder((SERVICE,), ("auth", "analytics", "cart", "catalog", "content", "order", "payment")),
    "cart": Holder((SERVICE,), ("catalog",)),
    "order": Holder((SERVICE,), ("cart", "catalog", "payment", "profile")),
    "serving": Holder((SERVICE,), ("catalog", "content")),
    "pipelines": Holder((SERVICE,), ("content",)),
    "importer": Holder((SERVICE,), ("auth", "catalog", "analytics")),
    "operator": Holder((SERVICE,), ("auth", "serving")),
}
"""`importer` and `operator` are commands."""


class KeyringError(StateError):
    """The keys cannot be changed like that; the message says why."""


class Keyring:
    """The keys in a directory."""

    def __init__(self, directory: Path, *, issuer: str = ISSUER) -> None:
        self.directory = directory.absolute()
        self.issuer = issuer
        self.published = self.directory / "published.json"

    def ensure(self) -> "Keyring":
        """Make the keys that are missing, and publish each with what it may sign by now."""
        with self._locked():
            for name in HOLDERS:
                if not self.private(name).exists():
                    self._replace(name)
            known = self._published()
            if (complete := self._complete(known)) != known:
                self._publish(complete)
        return self

    def private(self, holder: str) -> Path:
        """The file of a holder's private key."""
        return self.directory / f"{holder}.pem"

    def signer(self, holder: str) -> Signer:
        """Signs as a holder."""
        return Signer(self.private(holder), self.issuer)

    def keys(self) -> list[Key]:
        """The published keys that have not ended, the newest of each holder last."""
        return [key for key in self._published() if key.get("exp", float("inf")) > time.time()]

    def rotate(self, holder: str, wait: Callable[[float], None] = time.sleep) -> str:
        """Replace a holder's key; returns the id of the new one.

        Args:
            holder: whose key.
            wait: sleeps until every process knows the new key.

        Raises:
            KeyringError: there is no such holder.
        """
        self._check(holder)
        with self._locked():
            return self._replace(holder, wait)

    def retire(self, key_id: str) -> None:
        """Withdraw a key at once, with all tokens that it signed.

        Raises:
            KeyringError: it is not published, or is the one that its holder signs with.
        """
        with self._locked():
            keys = self.keys()
            key = next((each for each in keys if each["kid"] == key_id), None)
            if key is None:
                raise KeyringError(f"there is no key {key_id}")
            if self._signs(key):
                raise KeyringError(f"{key['service']} signs with {key_id}: rotate its key first")
            self._publish([each for each in keys if each is not key])

    def _signs(self, key: Key) -> bool:
        """Whether its holder signs with a key; a rotation that was cut off has not noted that it does no more."""
        is_here = self.private(key["service"]).exists()
        is_own = not is_here or self._public(key["service"])["kid"] == key["kid"]
        return is_own and "exp" not in key

    def _check(self, holder: str) -> None:
        if holder not in HOLDERS:
            raise KeyringError(f"nobody is called {holder}: there are {', '.join(HOLDERS)}")

    def _replace(self, holder: str, wait: Callable[[float], None] = lambda _: None) -> str:
        pem, public = _new_key(holder)
        keys = self.keys()
        self._publish([*keys, public])
        wait(NOTICE_SECONDS)
        draft = self.private(holder).with_suffix(".new")  # a full disk must not leave a partial key
        draft.unlink(missing_ok=True)
        draft.touch(mode=0o600)
        draft.write_bytes(pem)
        draft.replace(self.private(holder))
        ends_at = int(time.time()) + HOLDERS[holder].longest_seconds
        kept = [{"exp": ends_at, **key} if key["service"] == holder else key for key in keys]
        self._publish([*kept, public])
        return str(public["kid"])

    def _public(self, holder: str) -> Key:
        """The public half of a holder's key."""
        try:
            return {**public_jwk(self.signer(holder).public_key)}
        except ValueError as error:
            reason = f"{self.private(holder)} holds no RSA key"
            raise KeyringError(f"{reason}: make another with tanawari keys rotate {holder}") from error

    def _published(self) -> list[Key]:
        try:
            return list(json.loads(self.published.read_bytes())["keys"]) if self.published.exists() else []
        except (ValueError, TypeError, KeyError) as error:
            remedy = f"remove it, then list the keys that sign with tanawari keys make --directory {self.directory}"
            raise KeyringError(f"{self.published} is no list of keys: {remedy}") from error

    def _complete(self, known: Sequence[Key]) -> list[Key]:
        """The published keys as the holders are today; a list that was lost is made from the private keys."""
        kept = [{**key, **_grant(key["service"])} for key in known if key["service"] in HOLDERS]
        signing = {key["service"] for key in kept if "exp" not in key}
        lost = [name for name in HOLDERS if name not in signing]
        return [*kept, *({**self._public(name), **_grant(name)} for name in lost)]

    def _publish(self, keys: Sequence[Key]) -> None:
        write_json(self.published, {"keys": list(keys)})

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (self.directory / "lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def _new_key(holder: str) -> tuple[bytes, Key]:
    """A private key as PEM, and its public half as it is published."""
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 - only making keys needs it
    from cryptography.hazmat.primitives.asymmetric import rsa  # noqa: PLC0415

    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    while (public := public_jwk(private.public_key()))["kid"].startswith("-"):  # a command would take it for an option
        private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return pem, {**public, **_grant(holder)}


def _grant(holder: str) -> Key:
    """The members of a published key that say what it may sign."""
    may = HOLDERS[holder]
    return {"service": holder, "token_use": list(may.token_use), "audiences": list(may.audiences)}
