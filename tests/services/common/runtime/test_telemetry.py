import json
import logging

import pytest

from services.common.runtime.telemetry import JsonFormatter, redact


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("mail to ada.l+x@shop.example now", "mail to [email] now"),
        ("Authorization: Bearer abc.def", "Authorization: [token]"),
        ("null\nDETAIL:  Failing row contains (1, Ada).\n[SQL: INSERT]", "null\nDETAIL: [row]\n[SQL: INSERT]"),
        ("null\nDETAIL:  Failing row contains (1, Ada\nLovelace,\n\n36).", "null\nDETAIL: [row]"),
        ('bad json\nCONTEXT:  JSON data, line 1: {"name": "Ada', "bad json\nCONTEXT: [row]"),
        (
            "DETAIL:  Key (name)=(Ada) exists.\n\nThe above exception was the direct cause",
            "DETAIL: [row]\n\nThe above exception was the direct cause",
        ),
        ("eyJhbGciOi.eyJzdWIi.c2ln", "[token]"),
        ("redis://:s3cret@cache:6379/0", "redis://:[password]@cache:6379/0"),
        ("postgresql://catalog:s3cret@db:5432/catalog", "postgresql://catalog:[password]@db:5432/catalog"),
    ],
)
def test_personal_data_and_secrets_are_not_logged(text, shown):
    assert redact(text) == shown


def test_a_record_is_one_line_of_json_with_its_extras_and_exception():
    error = ValueError("for ada@shop.example")
    record = logging.makeLogRecord(
        {
            "levelname": "ERROR",
            "msg": "gave up %s",
            "args": ("it",),
            "exc_info": (ValueError, error, None),
            "orderId": 7,
        }
    )
    line = JsonFormatter("catalog").format(record)
    assert "\n" not in line
    fields = json.loads(line)
    assert (fields["service"], fields["message"], fields["orderId"]) == ("catalog", "gave up it", 7)
    assert fields["exception"].endswith("ValueError: for [email]")
