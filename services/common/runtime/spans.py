"""Exports spans without personal data: what a log may not say, no trace says."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import unquote_plus

from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.trace import Status


class RedactedSpans(SpanExporter):
    """Passes spans on to another exporter, with all their texts redacted."""

    def __init__(self, exporter: SpanExporter, redact: Callable[[str], str]) -> None:
        self._exporter, self._redact = exporter, redact
        self.shutdown = exporter.shutdown  # type: ignore[method-assign]
        self.force_flush = exporter.force_flush  # type: ignore[method-assign]

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Export copies of the spans."""
        return self._exporter.export([self._copy(each) for each in spans])

    def _copy(self, span: ReadableSpan) -> ReadableSpan:
        said = span.status.description
        return ReadableSpan(
            name=span.name,
            context=span.context,
            parent=span.parent,
            resource=span.resource,
            attributes=self._texts(span.attributes),
            events=[Event(each.name, self._texts(each.attributes), each.timestamp) for each in span.events],
            links=span.links,
            kind=span.kind,
            status=Status(span.status.status_code, said and self._redact(said)),
            start_time=span.start_time,
            end_time=span.end_time,
            instrumentation_scope=span.instrumentation_scope,
        )

    def _texts(self, attributes: Mapping[str, Any] | None) -> dict[str, Any]:
        return {name: self._text(name, value) for name, value in (attributes or {}).items()}

    def _text(self, name: str, value: Any) -> Any:  # noqa: ANN401 - of an attribute
        if not isinstance(value, str):
            return value
        return self._redact(unquote_plus(value) if name == "url.query" else value)
