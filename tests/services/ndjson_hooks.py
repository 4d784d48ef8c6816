"""Teaches schemathesis to send NDJSON: `SCHEMATHESIS_HOOKS=tests.services.ndjson_hooks`."""

import json

import schemathesis


@schemathesis.serializer("application/x-ndjson")
def one_line(_, value):
    """Whatever was generated, as one line."""
    return value if isinstance(value, bytes) else json.dumps(value).encode(errors="replace") + b"\n"
