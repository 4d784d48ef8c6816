"""Runs the benchmarks one after the other, prints one table, and writes docs/benchmarks.md: `make bench`.

With names, only these run, and no document is written. A benchmark that crashes is named and stops no other; the exit
code is then 1.
"""

import argparse
import importlib
import json
import subprocess
import sys
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from inspect import cleandoc
from typing import Any, Final

from rich.console import Console

from benchmarks.report import COLUMNS, ROOT, cells, table, tell

BENCHMARKS: Final[tuple[str, ...]] = (
    "demo",
    "landing",
    "collector",
    "relay",
    "catalogue",
    "search",
    "search_quality",
    "publish",
    "extract",
    "dbt_incremental",
    "training",
    "gateway",
    "login",
    "checkout",
    "oversell",
    "serving",
    "top_page",
    "storefront",
    "attacks",
    "freshness",
)
"""In the order in which they run; the first makes the state that the others read."""
DOCUMENT: Final = ROOT / "docs/benchmarks.md"


def main() -> int:
    """Run them; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHMARKS)} (default: all)")
    parser.add_argument("--small", action="store_true", help="a few seconds' worth of each; the figures say nothing")
    arguments = parser.parse_args()
    if unknown := set(arguments.names) - set(BENCHMARKS):
        parser.error(f"no such benchmark: {', '.join(sorted(unknown))}")
    reports, crashed = run_all(arguments.names or BENCHMARKS, ["--small"] if arguments.small else [])
    Console(width=150).print(table(reports))
    if not arguments.names and not arguments.small:
        DOCUMENT.write_text(document(reports, crashed, datetime.now(UTC)))
        tell(f"wrote {DOCUMENT.relative_to(ROOT)}")
    if crashed:
        tell(f"crashed: {', '.join(crashed)}")
    return 1 if crashed else 0


def run_all(names: Iterable[str], options: list[str]) -> tuple[list[dict[str, Any]], list[str]]:
    """What each one reports, and the names of those that crashed."""
    reports, crashed = [], []
    for name in names:
        tell(f"--- {name}")
        started = time.monotonic()
        command = [sys.executable, "-m", f"benchmarks.{name}", "--json", *options]
        ended = subprocess.run(command, stdout=subprocess.PIPE, text=True, cwd=ROOT, check=False)  # noqa: S603 - ours
        tell(f"--- {name}: {time.monotonic() - started:.0f} s")
        if ended.returncode == 0:
            reports.append(json.loads(ended.stdout.splitlines()[-1]))
        else:
            crashed.append(name)
    return reports, crashed


def document(reports: list[dict[str, Any]], crashed: list[str], now: datetime) -> str:
    """docs/benchmarks.md: where and when, the figures, and what each benchmark measures, in its own words."""
    on = reports[0]["machine"] if reports else {}
    lines = [
        "# Benchmarks",
        "",
        "Written by `make bench`; do not edit. A ratio is to a reference that was measured in the same run, in turns.",
        "In brackets stand the least and the most of several runs; of ratios, those of a run and its own reference.",
        "",
        f"{now:%Y-%m-%d %H:%M} UTC, " + ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in on.items()),
        "",
        _row(COLUMNS),
        _row("---" for _ in COLUMNS),
        *(_row(cells(report["benchmark"], figure)) for report in reports for figure in report["figures"]),
    ]
    for report in reports:
        lines += [f"\nNot measured by {report['benchmark']}, {reason}." for reason in report["skipped"]]
    if crashed:
        lines += ["", f"Crashed, and so not measured: {', '.join(crashed)}."]
    for report in reports:
        name = report["benchmark"]
        lines += ["", f"## {name}", "", cleandoc(importlib.import_module(f"benchmarks.{name}").__doc__ or "")]
    return "\n".join([*lines, ""])


def _row(values: Iterable[str]) -> str:
    return f"| {' | '.join(values)} |"


if __name__ == "__main__":
    sys.exit(main())
