"""JSON logs that carry the trace id and no personal data, and OpenTelemetry traces.

`set_up(settings)` is called once by `build_app`. FastAPI itself opens the server spans and reads W3C `traceparent`;
`traceparent()` gives it for what leaves: HTTP calls and outbox events. Spans are exported only where
`OTEL_EXPORTER_OTLP_ENDPOINT` is set; without it trace ids still exist, so that logs and problems carry them.
"""

import logging
import re
import sys
from datetime import UTC, datetime
from functools import cache

import orjson
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, ParentBased

from services.common.settings import ServiceSettings

_EMAIL = re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]+")
_TOKEN = re.compile(r"eyJ[\w-]+\.[\w-]+(?:\.[\w-]*)?|(?i:bearer)\s+\S+")
_ROW = re.compile(
    r"(DETAIL|CONTEXT):.*?(?=\n\[SQL: |\n\n(?:The above|During handling of)|\Z)", re.DOTALL
)  # a row that Postgres quotes may have many lines
_URL_PASSWORD = re.compile(r"(://[^:/\s]+):[^@\s]+@")
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "color_message"}


def trace_id() -> str | None:
    """The present trace's id as 32 hex digits, if there is one."""
    context = trace.get_current_span().get_span_context()
    return format(context.trace_id, "032x") if context.is_valid else None


def traceparent() -> str | None:
    """The present span as a W3C `traceparent`, if there is one."""
    context = trace.get_current_span().get_span_context()
    if not context.is_valid:
        return None
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{int(context.trace_flags):02x}"


def redact(text: str) -> str:
    """Take e-mail addresses, tokens, the passwords of URLs and the rows that Postgres quotes out of a text."""
    text = _ROW.sub(r"\1: [row]", text)
    text = _TOKEN.sub("[token]", _URL_PASSWORD.sub(r"\1:[password]@", text))
    return _EMAIL.sub("[email]", text)


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


def set_up(settings: ServiceSettings) -> TracerProvider:
    """Configure logs of this process, and give the tracer provider of the service."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter(settings.service))
    root = logging.getLogger()
    root.handlers[:] = [handler, *(each for each in root.handlers if not isinstance(each.formatter, JsonFormatter))]
    root.setLevel(settings.log_level)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True
    logging.getLogger("uvicorn.access").disabled = True  # its lines carry user ids; metrics and traces count requests
    logging.getLogger("httpx2").setLevel(logging.WARNING)  # likewise
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # a broker away is told once, by ourselves
    return _tracer_provider(settings.service, settings.otlp_endpoint)


@cache
def _tracer_provider(service: str, otlp_endpoint: str | None) -> TracerProvider:
    sampler = ParentBased(ALWAYS_ON) if otlp_endpoint else ALWAYS_OFF
    provider = TracerProvider(sampler=sampler, resource=Resource.create({SERVICE_NAME: service}))
    if otlp_endpoint:
        exporter = OTLPSpanExporter(endpoint=f"{otlp_endpoint.rstrip('/')}/v1/traces")
        provider.add_span_processor(BatchSpanProcessor(exporter))
    return provider
