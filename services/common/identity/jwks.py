"""The keys that an issuer publishes (JWKS, RFC 7517), read from its http(s) or file URL, and kept.

keys = PublishedKeys(settings.auth_jwks_url)
key = await keys.named(key_id)         # raises Unavailable while no key has ever been readable

Our own keys also say what they may sign: `token_use`, `audiences`, the `service` that holds them, and, once they are
replaced, the time `exp` at which they end. Of a foreign issuer's keys the configuration says it.
"""

import asyncio
import json
import logging
import time
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit
from urllib.request import url2pathname

import httpx2
import jwt
from pydantic import BaseModel, ConfigDict, TypeAdapter

from services.common.runtime.errors import Unavailable
from services.common.runtime.http_client import read_answer
from services.contracts.signing import ALGORITHM, version_of

logger = logging.getLogger(__name__)

LIFETIME: Final = 60.0
PAUSE_WITH_KEYS, PAUSE_WITHOUT = 5.0, 1.0
"""An unknown key may be new: so often are the keys read again for it, however many tokens name unknown ones."""
ANSWER_SECONDS: Final = 3.0
SMALLEST_BITS: Final = 2048


class Grant(BaseModel):
    """What a key may sign."""

    model_config = ConfigDict(frozen=True)

    service: str
    token_use: frozenset[str]
    audiences: frozenset[str]
    exp: float = inf


GRANT: Final = TypeAdapter(Grant)


@dataclass(frozen=True)
class PublishedKey:
    """A public key, and what it may sign; None if the issuer does not say it."""

    key: jwt.PyJWK
    grant: Grant | None


async def read_document(url: str | None) -> dict[str, object]:
    """The document at an http(s) URL, or a file's.

    Raises:
        ValueError: there is no URL, or no such document; and what reading raises.
    """
    if url is None:
        raise ValueError("AUTH_JWKS_URL is not set")
    if (file := _file_at(url)) is not None:
        return dict(json.loads(file.read_bytes()))
    async with httpx2.AsyncClient(timeout=ANSWER_SECONDS) as client, client.stream("GET", url) as answer:
        return dict((await read_answer(answer.raise_for_status())).json())


def _file_at(url: str | None) -> Path | None:
    return Path(url2pathname(urlsplit(url).path)) if url and urlsplit(url).scheme == "file" else None


class PublishedKeys:
    """The RS256 keys of one issuer; read again when they are old or an unknown one is named, but never in a hurry.

    Args:
        url: an http(s) URL, or a file's, which is read again whenever it was replaced.
        has_grants: whether each key must say what it may sign.
    """

    def __init__(self, url: str | None, *, has_grants: bool = True) -> None:
        self._url = url
        self._file = _file_at(url)
        self._has_grants = has_grants
        self._keys: dict[str, PublishedKey] = {}
        self._read_at = self._tried_at = -inf
        self._read_of = (-1, -1)
        self._reading = asyncio.Lock()

    async def named(self, key_id: str) -> PublishedKey | None:
        """The key of that id, if there is one and its time has not ended.

        Raises:
            Unavailable: no key has been readable yet.
        """
        is_old = time.monotonic() - self._read_at > LIFETIME or self._is_replaced()
        # while somebody reads them, the old keys serve: an issuer that hangs holds up one caller
        if key_id not in self._keys or (is_old and not self._reading.locked()):
            async with self._reading:
                await self._refresh()
        if not self._keys:
            raise Unavailable("Tokens cannot be verified at the moment.")
        found = self._keys.get(key_id)
        return None if found is None or (found.grant and found.grant.exp <= time.time()) else found

    def _is_replaced(self) -> bool:
        try:
            return self._file is not None and version_of(self._file) != self._read_of
        except OSError:
            return False

    async def _refresh(self) -> None:
        pause = PAUSE_WITH_KEYS if self._keys else PAUSE_WITHOUT
        if time.monotonic() - self._tried_at < pause and not self._is_replaced():
            return
        self._tried_at = time.monotonic()
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                keys = self._usable(await self._read())
        except Exception as error:  # noqa: BLE001 - whatever the content, no key was readable
            logger.warning("the signing keys cannot be read: %s", type(error).__name__)
            return
        self._keys, self._read_at = keys, time.monotonic()

    def _usable(self, document: dict[str, object]) -> dict[str, PublishedKey]:
        found = {}
        for each in jwt.PyJWKSet.from_dict(document).keys:
            is_for_signatures = each.algorithm_name == ALGORITHM and each.public_key_use in (None, "sig")
            if is_for_signatures and each.key_id and each.key.key_size >= SMALLEST_BITS:
                grant = GRANT.validate_python(each._jwk_data) if self._has_grants else None  # noqa: SLF001 - its members
                found[each.key_id] = PublishedKey(each, grant)
        return found

    async def _read(self) -> dict[str, object]:
        if self._file is not None:
            self._read_of = version_of(self._file)
        return await read_document(self._url)
