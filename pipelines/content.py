"""Writing shelves to the content service, over HTTP."""

from collections.abc import Iterable, Iterator
from functools import cache, lru_cache
from pathlib import Path
from ssl import SSLContext
from typing import Any

import dagster as dg
import httpx2
import orjson
import stamina

from services.contracts.signing import Signer

CALLER, AUDIENCE = "pipelines", "content"
TIMEOUT = httpx2.Timeout(10, read=300)
CHUNK_BYTES = 1 << 18
NDJSON = {"content-type": "application/x-ndjson"}


@cache
def _trusted() -> SSLContext:
    """The trusted CAs, cached: reading them for each request took longer than most requests."""
    return httpx2.create_ssl_context()


@lru_cache(maxsize=1)
def _signer(key_file: str, issuer: str) -> Signer:
    """The signer, cached with its key and its token."""
    return Signer(Path(key_file), issuer)


class ContentFailedError(Exception):
    """The content service responded with an error, which is the message."""


class ContentRefusedError(ContentFailedError):
    """Content refused a request for good."""


class Content(dg.ConfigurableResource[Any]):
    """A client of the content service.

    Attributes:
        url: its address.
        signing_key_file: PEM file of the key that signs this process's service token.
        issuer: the `iss` of that token.
    """

    url: str
    signing_key_file: str
    issuer: str

    def upload(self, generation: str, bundle: str, rows: Iterable[dict[str, Any]]) -> int:
        """Upload one complete generation without activating it; returns its number of rows.

        It is idempotent: an active generation stays unchanged, any other one gets these rows.
        """
        known = self._announce(generation, bundle)
        if known["isActive"]:
            return int(known["rows"])
        counted = _Counted(rows)
        self._send("PUT", f"/v1/generations/{generation}/rows", content=counted.chunks(), headers=NDJSON)
        return counted.number

    def activate(self, generation: str, bundle: str) -> None:
        """Activate an uploaded generation; no effect if it is already active."""
        rows = self._announce(generation, bundle)["rows"]
        self._send("POST", f"/v1/generations/{generation}/activate", json={"rows": rows})

    def shown(self) -> str | None:
        """The active generation; None before the first."""
        shelves: dict[str, Any] = self._send("GET", "/v1/displays").json()
        generation: str | None = shelves["generation"]
        return generation

    def _announce(self, generation: str, bundle: str) -> dict[str, Any]:
        """Content's data about a generation, which is created if new."""
        named = {"generation": generation, "bundle": bundle}
        known: dict[str, Any] = self._send("POST", "/v1/generations", json=named).json()
        return known

    @stamina.retry(on=httpx2.ConnectError, attempts=5, timeout=30.0)
    def _send(self, method: str, path: str, **request: Any) -> httpx2.Response:  # noqa: ANN401 (httpx2's own arguments)
        headers = {
            "authorization": f"Bearer {_signer(self.signing_key_file, self.issuer).service_token(CALLER, AUDIENCE)}",
            **request.pop("headers", {}),
        }
        response = httpx2.request(
            method, f"{self.url}{path}", headers=headers, timeout=TIMEOUT, verify=_trusted(), **request
        )
        if response.is_error:
            kind = ContentRefusedError if response.is_client_error else ContentFailedError
            raise kind(f"{method} {path} answered {response.status_code}: {response.text[:500]}")
        return response


class _Counted:
    """Streams rows as chunks of NDJSON and counts them, with bounded memory."""

    def __init__(self, rows: Iterable[dict[str, Any]]) -> None:
        self._rows = rows
        self.number = 0

    def chunks(self) -> Iterator[bytes]:
        """The rows as NDJSON, in chunks of a quarter of a megabyte."""
        buffer = bytearray()
        for row in self._rows:
            self.number += 1
            buffer += orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE)
            if len(buffer) >= CHUNK_BYTES:
                yield bytes(buffer)
                buffer.clear()
        yield bytes(buffer)
