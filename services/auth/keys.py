"""The document of the published keys, as `AUTH_JWKS_URL` says."""

import asyncio
import json
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit
from urllib.request import url2pathname

import httpx2

from services.common.runtime.errors import Unavailable

ANSWER_SECONDS: Final = 3.0


async def published(url: str | None) -> list[dict[str, Any]]:
    """The keys.

    Raises:
        Unavailable: they cannot be read.
    """
    try:
        return list((await _read(url or ""))["keys"])
    except (OSError, ValueError, KeyError, TypeError, httpx2.HTTPError) as error:
        raise Unavailable("The keys cannot be read at the moment.") from error


async def _read(url: str) -> dict[str, Any]:
    parts = urlsplit(url)
    if parts.scheme == "file":
        content = await asyncio.to_thread(Path(url2pathname(parts.path)).read_bytes)
        return dict(json.loads(content))
    async with httpx2.AsyncClient(timeout=ANSWER_SECONDS) as client:
        return dict((await client.get(url)).raise_for_status().json())
