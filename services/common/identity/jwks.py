"""The keys that an issuer publishes (JWKS), read from its http(s) or file URL, and kept.

keys = PublishedKeys(settings.auth_jwks_url)
candidates = await keys.named(key_id)         # raises Unavailable while no key has ever been readable
"""

import asyncio
import json
import logging
import time
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

import httpx2
import jwt

from services.common.runtime.errors import Unavailable
from services.common.runtime.http_client import read_answer

logger = logging.getLogger(__name__)

ALGORITHM = "RS256"
LIFETIME = 600.0
PAUSE_WITH_KEYS, PAUSE_WITHOUT = 30.0, 1.0
ANSWER_SECONDS = 3.0


class PublishedKeys:
    """The RS256 keys of one issuer; read again when they are old or an unknown one is named, but never in a hurry."""

    def __init__(self, url: str | None) -> None:
        self._url = url
        self._keys: dict[str | None, jwt.PyJWK] = {}
        self._read_at = -LIFETIME
        self._tried_at = -LIFETIME
        self._reading = asyncio.Lock()

    async def named(self, key_id: str | None) -> list[jwt.PyJWK]:
        """The key of that id, if there is one; all keys where a token names none.

        Raises:
            Unavailable: no key has been readable yet.
        """
        if time.monotonic() - self._read_at > LIFETIME or (key_id is not None and key_id not in self._keys):
            async with self._reading:
                await self._refresh()
        if not self._keys:
            raise Unavailable("Tokens cannot be verified at the moment.")
        if key_id is None:
            return list(self._keys.values())
        return [self._keys[key_id]] if key_id in self._keys else []

    async def _refresh(self) -> None:
        if time.monotonic() - self._tried_at < (PAUSE_WITH_KEYS if self._keys else PAUSE_WITHOUT):
            return
        self._tried_at = time.monotonic()
        try:
            keys = jwt.PyJWKSet.from_dict(await self._read()).keys
        except Exception as error:  # noqa: BLE001 - whatever the content, no key was readable
            logger.warning("the signing keys cannot be read: %s", type(error).__name__)
            return
        self._keys = {key.key_id: key for key in keys if key.algorithm_name == ALGORITHM}
        self._read_at = time.monotonic()

    async def _read(self) -> dict[str, object]:
        if self._url is None:
            raise ValueError("AUTH_JWKS_URL is not set")
        parts = urlsplit(self._url)
        if parts.scheme == "file":
            return dict(json.loads(Path(url2pathname(parts.path)).read_bytes()))  # noqa: ASYNC240 - a small local file
        async with httpx2.AsyncClient(timeout=ANSWER_SECONDS) as client, client.stream("GET", self._url) as answer:
            return dict((await read_answer(answer.raise_for_status())).json())
