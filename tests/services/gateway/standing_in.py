"""Small servers that stand where the services would."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from services.common.web.guard import GuardedProtocol
from stack.parts.process import free_port

BROKEN = ("away", "silent", "garbage")
"""The states of a party that is of no use: nobody is there, it never answers, it answers nonsense."""


@contextmanager
def served(app, port=0) -> Iterator[str]:
    """Run an ASGI application on this port, or a free one; gives its address."""
    config = uvicorn.Config(
        app, port=port, http=GuardedProtocol, ws="none", log_config=None, timeout_graceful_shutdown=1
    )
    server = uvicorn.Server(config)
    with config.bind_socket() as listener:
        listener.listen()  # who asks before the server is there waits for it
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


@contextmanager
def broken(state) -> Iterator[str]:
    """The address of a party in one of these states."""
    if state == "away":
        yield f"http://127.0.0.1:{free_port()}"
    elif state == "garbage":
        with served(PlainTextResponse("<html>")) as url:
            yield url
    else:
        with socket.create_server(("127.0.0.1", 0)) as listener:  # the kernel takes the connection, and nobody reads
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"


class Service:
    """Remembers what it was asked; answers with what it saw, or as `answers[path]` says."""

    def __init__(self, name):
        self.name = name
        self.url = ""
        self.asked: list[Request] = []
        self.answers = {}

    async def __call__(self, scope, receive, send):
        request = Request(scope, receive)
        self.asked.append(request)
        answer = self.answers.get(scope["path"], self._echo)
        await (await answer(request))(scope, receive, send)

    async def _echo(self, request):
        path = request.scope["raw_path"].decode()
        seen = {"service": self.name, "method": request.method, "path": path, "query": request.url.query}
        return JSONResponse({**seen, "headers": dict(request.headers), "size": len(await request.body())})

    def says(self, path, content, status=200):
        """Answer JSON at a path, or nothing."""

        async def answer(_):
            return Response(status_code=status) if content is None else JSONResponse(content, status)

        self.answers[path] = answer
