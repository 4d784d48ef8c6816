"""JSON logs with the trace id and without personal data, and OpenTelemetry traces.

`set_up(settings)` is called once by `build_app`. Where `OTEL_EXPORTER_OTLP_ENDPOINT` is set, FastAPI itself opens the
server spans and they are exported; without it requests still have trace ids (`TraceIds`), so that logs and
problems carry them. Both continue the W3C `traceparent` of a request; `traceparent()` returns it for outgoing HTTP
calls and outbox events. A consumer continues the trace with `continued(settings, name, parents)`.
"""

import logging
import re
import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from itertools import islice

import orjson
from opentelemetry import context, trace
from opentelemetry.context import Context
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.trace import Link, NonRecordingSpan, NoOpTracer, SpanContext, SpanKind, Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from starlette.types import ASGIApp, Receive, Scope, Send

from services.common.runtime.settings import ServiceSettings
from services.common.runtime.spans import RedactedSpans
from services.contracts.card_numbers import masked

_EMAIL = re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]+")
_TOKEN = re.compile(r"eyJ[\w-]+\.[\w-]+(?:\.[\w-]*)?|(?i:bearer)\s+\S+")
_ROW = re.compile(
    r"(DETAIL|CONTEXT):.*?(?=\n\[SQL: |\n\n(?:The above|During handling of)|\Z)", re.DOTALL
)  # a row quoted by Postgres may have many lines
_URL_PASSWORD = re.compile(r"(://[^:/\s]*):[^@\s]+@")
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "color_message"}


MOST_LINKS = 128
"""The maximum that a span keeps."""
_IDS = RandomIdGenerator()
_W3C = TraceContextTextMapPropagator()


def trace_id() -> str | None:
    """The current trace id as 32 hex digits, if there is one."""
    span = trace.get_current_span().get_span_context()
    return format(span.trace_id, "032x") if span.is_valid else None


def traceparent() -> str | None:
    """The current span as a W3C `traceparent`, if there is one."""
    span = trace.get_current_span().get_span_context()
    if not span.is_valid:
        return None
    return f"00-{span.trace_id:032x}-{span.span_id:016x}-{int(span.trace_flags):02x}"


@contextmanager
def continued(settings: ServiceSettings, name: str, parents: Collection[str]) -> Iterator[None]:
    """A span that continues a single `traceparent`, or is linked to several."""
    sources = [_span_context(parent) for parent in islice(parents, MOST_LINKS)]
    is_one = len(sources) == 1
    span = tracer(settings).start_span(
        name,
        trace.set_span_in_context(NonRecordingSpan(sources[0]), Context()) if is_one else Context(),
        kind=SpanKind.CONSUMER,
        links=[] if is_one else [Link(source) for source in sources],
    )
    with trace.use_span(span, end_on_exit=True):
        yield


class TraceIds:
    """Gives requests trace ids when no spans are exported, at a tenth of the cost of FastAPI's tracing.

    A request's task ends with it, so the context is not reset: logs of outer failures have the id too.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on in its trace."""
        if scope["type"] == "http":
            given = next((value for name, value in scope["headers"] if name == b"traceparent"), None)
            span = SpanContext(_given_id(given) or _IDS.generate_trace_id(), _IDS.generate_span_id(), is_remote=False)
            context.attach(trace.set_span_in_context(NonRecordingSpan(span)))
        await self._app(scope, receive, send)


def _given_id(given: bytes | None) -> int:
    """The trace id in a `traceparent`, 0 if there is none."""
    return trace.INVALID_TRACE_ID if given is None else _span_context(given.decode("latin-1")).trace_id


def _span_context(traceparent: str) -> SpanContext:
    """The span that a `traceparent` names; an invalid one if it names none."""
    return trace.get_current_span(_W3C.extract({"traceparent": traceparent}, Context())).get_span_context()


def redact(text: str) -> str:
    """Remove e-mail addresses, tokens, card numbers, passwords in URLs and rows quoted by Postgres from a text."""
    text = _ROW.sub(r"\1: [row]", text)
    text = _TOKEN.sub("[token]", _URL_PASSWORD.sub(r"\1:[password]@", text))
    return masked(_EMAIL.sub("[email]", text))


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, logger, message, service, trace id, and what `extra=` gave."""

    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        """Render a record."""
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "service": self._service,
            "message": redact(record.getMessage()),
        }
        if (identifier := trace_id()) is not None:
            line["traceId"] = identifier
        for name, value in vars(record).items():
            if name not in _STANDARD:
                line[name] = redact(value) if isinstance(value, str) else value
        if record.exc_info:
            line["exception"] = redact(self.formatException(record.exc_info))
        return orjson.dumps(line, default=str).decode()


def set_up(settings: ServiceSettings) -> TracerProvider | None:
    """Configure logging of this process; returns the tracer provider if spans are exported."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter(settings.service))
    root = logging.getLogger()
    root.handlers[:] = [handler, *(each for each in root.handlers if not isinstance(each.formatter, JsonFormatter))]
    root.setLevel(settings.log_level)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = name != "uvicorn.access"  # its lines contain user ids
    logging.getLogger("httpx2").setLevel(logging.WARNING)  # likewise
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # we log an outage of the broker ourselves, once
    return _tracer_provider(settings.service, settings.otlp_endpoint) if settings.otlp_endpoint else None


def tracer(settings: ServiceSettings) -> Tracer:
    """Creates spans outside of requests, with the same export."""
    if not settings.otlp_endpoint:
        return NoOpTracer()
    return _tracer_provider(settings.service, settings.otlp_endpoint).get_tracer(__name__)


@cache
def _tracer_provider(service: str, otlp_endpoint: str) -> TracerProvider:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415 - few need what it takes to import
        OTLPSpanExporter,
    )

    provider = TracerProvider(resource=Resource.create({SERVICE_NAME: service}))
    exporter = OTLPSpanExporter(endpoint=f"{otlp_endpoint.rstrip('/')}/v1/traces")
    provider.add_span_processor(BatchSpanProcessor(RedactedSpans(exporter, redact)))
    return provider
