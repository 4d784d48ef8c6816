"""The HTTP endpoints of a landing process: `/metrics` for Prometheus, `/health/live` for its supervisor.

The cumulative counts are in `landing.partitions`.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from socketserver import ThreadingMixIn
from threading import Thread
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from aiokafka import TopicPartition
from prometheus_client import Counter, Gauge, Histogram, make_wsgi_app

from warehouse.offsets import Counts

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

MESSAGES = Counter("tanawari_landing_messages", "Messages landed, by outcome", ["topic", "partition", "outcome"])
CONSUMED = Counter(
    "tanawari_landing_consumed",
    "Messages consumed; each is counted once in tanawari_landing_messages",
    ["topic", "partition"],
)
LOST = Counter(
    "tanawari_landing_lost", "Offsets that retention deleted before they landed: an alarm", ["topic", "partition"]
)
LAG = Gauge("tanawari_landing_lag", "Messages in the log that have not landed yet", ["topic", "partition"])
WRITE_SECONDS = Histogram("tanawari_landing_write_seconds", "Seconds from decoding a batch to its commit")


def count(counts: Mapping[TopicPartition, Counts]) -> None:
    """Count a committed batch."""
    for (topic, partition), made in counts.items():
        CONSUMED.labels(topic, partition).inc(made.consumed)
        LOST.labels(topic, partition).inc(made.lost)
        for outcome in ("landed", "duplicates", "dead_letters"):
            MESSAGES.labels(topic, partition, outcome).inc(getattr(made, outcome))


class _Server(ThreadingMixIn, WSGIServer):
    """Serves each request in its own thread: a slow client delays nobody."""

    daemon_threads = True


class _Quiet(WSGIRequestHandler):
    def log_message(self, *_: Any) -> None:  # noqa: ANN401 - the signature of the standard library
        """Do not log requests."""


def serve(host: str, port: int, is_alive: Callable[[], bool]) -> int:
    """Serve in a thread until the process ends; returns the port, which may be given as 0."""
    metrics = make_wsgi_app()

    def application(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        if environ["PATH_INFO"] != "/health/live":
            return metrics(environ, start_response)  # type: ignore[no-any-return]  # theirs says nothing of it
        alive = is_alive()
        status = "200 OK" if alive else "503 Service Unavailable"
        start_response(status, [("Content-Type", "application/json")])
        return [json.dumps({"status": "ok" if alive else "stalled"}).encode()]

    server = make_server(host, port, application, _Server, _Quiet)
    Thread(target=server.serve_forever, daemon=True).start()
    return server.server_port
