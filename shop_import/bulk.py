"""Sends lines of NDJSON to a service's bulk routes, in chunks, and reads a result for each line."""

from collections.abc import Callable, Iterator
from http import HTTPStatus
from typing import Any, Self

import httpx2
import orjson

CHUNK_LINES = 5_000
TIMEOUT = httpx2.Timeout(10, read=120)

Progress = Callable[[int], None]
Authentication = Callable[[httpx2.Request], httpx2.Request]
"""Puts a service's token into a request."""


class RefusedError(RuntimeError):
    """A service refused lines, or does not answer; the message says why."""


class BulkClient:
    """A client of one service, as a context manager.

    Args:
        url: the service's address.
        authentication: puts a token for this service into each request.
    """

    name = ""
    """The service's."""

    def __init__(self, url: str, authentication: Authentication) -> None:
        self.client = httpx2.Client(base_url=url, timeout=TIMEOUT, auth=authentication)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()

    def send(self, path: str, lines: Iterator[dict[str, Any]], progress: Progress) -> list[dict[str, Any]]:
        """Send all lines; returns their results.

        Raises:
            RefusedError: a line was refused, or the service does not answer.
        """
        made: list[dict[str, Any]] = []
        for results in self.results(path, lines):
            refused = [result for result in results if result["status"] == "refused"]
            if refused:
                raise RefusedError(f"{path} refused {len(refused)} lines, first {refused[:3]}")
            made += results
            progress(len(results))
        return made

    def results(self, path: str, lines: Iterator[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
        """Send all lines; yields their results a chunk at a time, also of refused lines.

        Raises:
            RefusedError: the service refuses a whole chunk, or does not answer.
        """
        for chunk in _chunks(lines):
            body = b"".join(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE) for line in chunk)
            answer = self._post(path, body)
            if answer.is_error:
                raise RefusedError(f"{path} answered {answer.status_code}: {answer.text[:500]}")
            yield [orjson.loads(line) for line in answer.text.splitlines()]

    def ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any] | None:
        """One answer; None if there is no such thing.

        Raises:
            RefusedError: the service refuses, or does not answer.
        """
        try:
            answer = self.client.request(method, path, json=body)
        except httpx2.TransportError as error:
            raise self._silent(path, error) from error
        if answer.status_code == HTTPStatus.NOT_FOUND:
            return None
        if answer.is_error:
            raise RefusedError(f"{path} answered {answer.status_code}: {answer.text[:500]}")
        found: dict[str, Any] = answer.json()
        return found

    def _post(self, path: str, body: bytes) -> httpx2.Response:
        try:
            return self.client.post(path, content=body, headers={"content-type": "application/x-ndjson"})
        except httpx2.TransportError as error:
            raise self._silent(path, error) from error

    def _silent(self, path: str, error: httpx2.TransportError) -> RefusedError:
        reason = str(error) or type(error).__name__
        return RefusedError(f"the {self.name} at {self.client.base_url} did not answer {path}: {reason}")


def _chunks(lines: Iterator[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    chunk: list[dict[str, Any]] = []
    for line in lines:
        chunk.append(line)
        if len(chunk) == CHUNK_LINES:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
