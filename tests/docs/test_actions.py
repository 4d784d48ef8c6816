"""The table of actions shows what the collector checks."""

import re
from pathlib import Path

import pytest

from services.analytics.domain import COMMON, FIELDS, NEEDS, PRODUCT, REMARKS
from services.contracts.registry import EMITTERS

PAGE = (Path(__file__).parents[2] / "docs/actions.md").read_text()
ROWS = re.findall(r"^\| `([A-Z_]+)` \| (\w+) \| (.*?) \| (.*?) \|$", PAGE, re.MULTILINE)


def test_the_table_has_every_type_and_its_emitter():
    assert {name: emitter for name, emitter, *_ in ROWS} == EMITTERS


@pytest.mark.parametrize(("name", "must", "may"), [(name, must, may) for name, _, must, may in ROWS])
def test_a_row_has_the_fields_that_are_checked(name, must, may):
    needed, other = (set(re.findall(r"`(\w+)`", cell)) for cell in (must, may))
    assert needed == set(NEEDS[name])
    product = PRODUCT if "the product" in may else set()
    assert needed | other | product == FIELDS[name] - COMMON - REMARKS
