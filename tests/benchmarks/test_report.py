import json
import subprocess
import sys
from datetime import UTC, datetime

import pytest

from benchmarks.__main__ import document
from benchmarks.report import ROOT, Figure, at_least, at_most, cells

PROGRAM = """
from benchmarks.report import Figure, at_least, run, tell
def measure(options):
    tell(f"measuring, small: {options.small}")
    return [Figure("rate", 59.0, "/s", at_least(0.6), reference=100.0)]
run("example", measure, "An example.")
"""


@pytest.mark.parametrize(
    ("figure", "ok"),
    [
        (Figure("rate", 60, "/s", at_least(0.6), reference=100), True),
        (Figure("rate", 59, "/s", at_least(0.6), reference=100), False),
        (Figure("seconds", 21, "s", at_most(2), reference=10), False),
        (Figure("memory", 300, "MB", at_most(300, "MB")), True),
        (Figure("memory", 301, "MB", at_most(300, "MB")), False),
        (Figure("seen", 1, "s"), None),
    ],
)
def test_a_figure_meets_its_bar_or_falls_short(figure, ok):
    assert figure.ok is ok


def test_a_bar_in_another_unit_than_its_number_is_a_mistake():
    with pytest.raises(ValueError, match="memory: the bar is in MB, the number in x"):
        Figure("memory", 300, "MB", at_most(300, "MB"), reference=100).as_json()


def test_a_benchmark_prints_one_object_and_exits_0_also_when_a_figure_falls_short():
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM, "--json", "--small"], cwd=ROOT, capture_output=True, text=True, check=True
    )

    report = json.loads(ran.stdout)
    assert ran.stderr == "measuring, small: True\n"
    assert report["benchmark"] == "example"
    assert report["machine"]["cores"] >= 1
    assert report["figures"] == [
        {
            "name": "rate",
            "value": 59,
            "unit": "/s",
            "reference": 100,
            "ratio": 0.59,
            "spread": None,
            "ratio_spread": None,
            "must": ">= 0.6 x",
            "ok": False,
        }
    ]


def test_a_figure_shows_the_best_of_its_runs_and_how_far_they_lie_apart():
    figure = Figure.chosen("rate", "/s", at_least(0.6), [50, 66, 60], [100, 110, 80], by=max)

    assert cells("example", figure.as_json()) == [
        "example", "rate", "66 /s (50 to 66)", "110", "0.6 (0.5 to 0.75)", ">= 0.6 x", "yes"
    ]  # fmt: skip


def test_the_document_shows_each_figure_and_names_what_was_skipped_or_crashed():
    figure = Figure("rate", 59_000, "/s", at_least(0.6), reference=100_000).as_json()
    report = {"benchmark": "report", "machine": {"cores": 2}, "figures": [figure], "skipped": ["Kafka: no Java"]}

    text = document([report], ["demo"], datetime(2026, 1, 2, 3, 4, tzinfo=UTC))

    assert "2026-01-02 03:04 UTC, cores 2" in text
    assert "| report | rate | 59,000 /s | 100,000 | 0.59 | >= 0.6 x | NO |" in text
    assert "not measured: demo." in text
    assert "Not measured by report, Kafka: no Java." in text
    assert "## report\n\nWhat a benchmark says" in text
