"""Writing shelves to the content service, over HTTP."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from pathlib import Path
from ssl import SSLContext
from typing import Any, cast

import dagster as dg
import httpx2
import jwt
import orjson
import stamina
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

TOKEN_LIFE = timedelta(minutes=5)
TIMEOUT = httpx2.Timeout(10, read=300)
CHUNK_BYTES = 1 << 18
NDJSON = {"content-type": "application/x-ndjson"}


@cache
def _trusted() -> SSLContext:
    """The authorities that are trusted; to read them again at each request took longer than most requests."""
    return httpx2.create_ssl_context()


@lru_cache(maxsize=1)
def _private_key(pem: bytes) -> RSAPrivateKey:
    """A signing key; to read and check it anew at each request took longer than most requests."""
    return cast("RSAPrivateKey", load_pem_private_key(pem, password=None))


class ContentFailedError(Exception):
    """The content service answered with an error; the message is what it said."""


class ContentRefusedError(ContentFailedError):
    """It was asked for something that it will not do, however often it is asked."""


class Content(dg.ConfigurableResource[Any]):
    """The content service as the pipelines see it.

    Attributes:
        url: its address.
        signing_key_file: PEM file of the key that signs this process's service token.
        issuer: the `iss` of that token.
    """

    url: str
    signing_key_file: str
    issuer: str

    def upload(self, generation: str, bundle: str, rows: Iterable[dict[str, Any]]) -> int:
        """Upload one whole generation, without showing it; returns its number of rows.

        Saying it again is safe: a generation that is shown stays as it is, one that is not takes these rows.
        """
        known = self._announce(generation, bundle)
        if known["isActive"]:
            return int(known["rows"])
        counted = _Counted(rows)
        self._send("PUT", f"/v1/generations/{generation}/rows", content=counted.chunks(), headers=NDJSON)
        return counted.number

    def activate(self, generation: str, bundle: str) -> None:
        """Show a generation that was uploaded before; nothing changes if it is shown already."""
        rows = self._announce(generation, bundle)["rows"]
        self._send("POST", f"/v1/generations/{generation}/activate", json={"rows": rows})

    def shown(self) -> str | None:
        """The generation that shoppers see; None before the first."""
        shelves: dict[str, Any] = self._send("GET", "/v1/displays").json()
        generation: str | None = shelves["generation"]
        return generation

    def _announce(self, generation: str, bundle: str) -> dict[str, Any]:
        """What content knows of a generation, which it makes if it is new."""
        named = {"generation": generation, "bundle": bundle}
        known: dict[str, Any] = self._send("POST", "/v1/generations", json=named).json()
        return known

    @stamina.retry(on=httpx2.ConnectError, attempts=5, timeout=30.0)
    def _send(self, method: str, path: str, **request: Any) -> httpx2.Response:  # noqa: ANN401 (httpx2's own arguments)
        headers = {"authorization": f"Bearer {self._token()}", **request.pop("headers", {})}
        response = httpx2.request(
            method, f"{self.url}{path}", headers=headers, timeout=TIMEOUT, verify=_trusted(), **request
        )
        if response.is_error:
            kind = ContentRefusedError if response.is_client_error else ContentFailedError
            raise kind(f"{method} {path} answered {response.status_code}: {response.text[:500]}")
        return response

    def _token(self) -> str:
        now = datetime.now(UTC)
        claims = {
            "iss": self.issuer,
            "sub": "service:pipelines",
            "client_id": "pipelines",
            "token_use": "service",
            "roles": [],
            "iat": now,
            "exp": now + TOKEN_LIFE,
        }
        return jwt.encode(claims, _private_key(Path(self.signing_key_file).read_bytes()), algorithm="RS256")


class _Counted:
    """Turns rows into chunks of NDJSON and counts them, so that memory stays bounded."""

    def __init__(self, rows: Iterable[dict[str, Any]]) -> None:
        self._rows = rows
        self.number = 0

    def chunks(self) -> Iterator[bytes]:
        """The rows as NDJSON, a quarter of a megabyte at a time."""
        buffer = bytearray()
        for row in self._rows:
            self.number += 1
            buffer += orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE)
            if len(buffer) >= CHUNK_BYTES:
                yield bytes(buffer)
                buffer.clear()
        yield bytes(buffer)
