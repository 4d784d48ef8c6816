"""A guarantee is worth as much as the test that proves it."""

import re
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "guarantees.md"
NAMED = sorted(set(re.findall(r"(tests/[\w/]+\.py)::(\w+)", PAGE.read_text())))
FAULTS = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "tests" / "faults").glob("test_*.py"))


@pytest.mark.parametrize(("file", "name"), NAMED)
def test_every_test_that_the_page_names_is_there(file, name):
    assert re.search(rf"^(async )?def {name}\(", (ROOT / file).read_text(), re.MULTILINE)


@pytest.mark.parametrize("file", FAULTS)
def test_the_page_says_what_the_fault_tests_show(file):
    assert file in {file for file, _ in NAMED}


def test_no_guarantee_is_listed_twice():
    rows = [tuple(re.findall(r"`(tests/[^`]+)`", line)) for line in PAGE.read_text().splitlines() if line[:1] == "|"]
    assert [row for row, times in Counter(filter(None, rows)).items() if times > 1] == []
