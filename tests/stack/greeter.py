"""A service that only a test knows: it keeps a database with an outbox, reads a topic, and says hello.

`python -m tests.stack.greeter migrate` makes its schema, `python -m tests.stack.greeter serve PORT` serves it.
"""

import os
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer

import psycopg

URL = "GREETER_DATABASE_URL"


class Hello(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        with psycopg.connect(os.environ[URL]) as connection:
            (waiting,) = connection.execute("select count(*) from outbox").fetchone()
        self.send_response(200)
        self.end_headers()
        self.wfile.write(f"hello, {waiting} in the outbox".encode())


def main(what: str, *arguments: str) -> None:
    if what == "serve":
        HTTPServer(("127.0.0.1", int(arguments[0])), Hello).serve_forever()
    with psycopg.connect(os.environ[URL]) as connection:
        connection.execute("create table if not exists outbox (id int primary key, published_at timestamptz)")
    sys.stdout.write("greeter: 0001\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
