"""A real server that answers as none should.

with misbehaving(ANSWERS["no JSON"]) as server:
    server.url, server.visits
"""

import gzip
import socket
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import chain, repeat

MEGABYTE = 1024 * 1024


@dataclass
class Server:
    """Its address, and the first line of each request, in order."""

    url: str
    visits: list[bytes] = field(default_factory=list)


def head(*headers: str, status: str = "200 OK", media_type: str = "application/json") -> bytes:
    """The head of an answer."""
    return "\r\n".join((f"HTTP/1.1 {status}", f"Content-Type: {media_type}", *headers, "", "")).encode()


def whole(body: bytes, *headers: str, status: str = "200 OK", media_type: str = "application/json") -> bytes:
    """An answer with its length."""
    return head(f"Content-Length: {len(body)}", *headers, status=status, media_type=media_type) + body


ANSWERS: dict[str, Iterable[bytes]] = {
    "nothing": [],
    "no HTTP": [b"SSH-2.0-OpenSSH_9.6\r\n"],
    "half a head": [b"HTTP/1.1 200 OK\r\nContent-"],
    "half a body": [head("Content-Length: 100"), b'{"code": "A",'],
    "two lengths": [head("Content-Length: 2", "Content-Length: 3"), b"{}"],
    "another page": [whole(b'{"code": "A", "name": "B"}', media_type="text/html")],
    "no body": [head(status="204 No Content")],
    "no JSON": [whole(b"<html>")],
    "half of JSON": [whole(b'{"code": "A",')],
    "another shape": [whole(b'[{"code": 7}]')],
    "deep JSON": [whole(b'{"code":' + b"[" * 100_000)],
    "bytes that are no text": [whole(b'{"code": "\xff", "name": "B"}')],
    "half a surrogate pair": [whole(b'{"code": "\\ud800", "name": "B"}')],
    "no gzip": [whole(b"no gzip", "Content-Encoding: gzip")],
    "a bomb": [whole(gzip.compress(bytes(100 * MEGABYTE), 1), "Content-Encoding: gzip")],
    "too much": [head("Content-Length: 1000000000"), *repeat(b" " * MEGABYTE, 20)],
    "endless head": chain([b"HTTP/1.1 200 OK\r\nX-A: "], repeat(b"x" * 1024)),
    "endless hints": repeat(b"HTTP/1.1 103 Early Hints\r\n\r\n"),
    "a circle": [head("Location: /", "Content-Length: 0", status="302 Found")],
    "a way to nowhere": [head("Location: http://[", "Content-Length: 0", status="302 Found")],
}


@contextmanager
def misbehaving(pieces: Iterable[bytes]) -> Iterator[Server]:
    """Answers each request with these pieces, and hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = Server(f"http://127.0.0.1:{listener.getsockname()[1]}")

        def run() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection, suppress(OSError):
                    connection.settimeout(10)
                    server.visits.append(connection.makefile("rb").readline())
                    for piece in pieces:
                        connection.sendall(piece)

        thread = threading.Thread(target=run)
        thread.start()
        yield server
        listener.shutdown(socket.SHUT_RDWR)
    thread.join()
