"""What a benchmark says: figures, each beside its bar, as a table for people and as one JSON object for programs.

    def measure(options: Options) -> list[Figure]: ...

    if __name__ == "__main__":
        run("landing", measure, __doc__)

Exit code 0 means that it was measured, also where a figure falls short.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

import psutil
from rich.console import Console
from rich.table import Table

ROOT: Final = Path(__file__).parents[1]
STATE: Final = ROOT / "build/bench/state"
"""The whole data's state, which the benchmarks share; see `benchmarks.state`."""
TIMES: Final = "x"


class Must(NamedTuple):
    """A bar. Its unit says of what: `x` is a multiple of the reference, any other is the value's own."""

    sense: Literal[">=", "<="]
    limit: float
    unit: str

    def is_met(self, number: float) -> bool:
        """Whether a number reaches the bar."""
        return number >= self.limit if self.sense == ">=" else number <= self.limit

    def __str__(self) -> str:
        return f"{self.sense} {self.limit:g} {self.unit}"


def at_least(limit: float, unit: str = TIMES) -> Must:
    """So much or more."""
    return Must(">=", limit, unit)


def at_most(limit: float, unit: str = TIMES) -> Must:
    """So much or less."""
    return Must("<=", limit, unit)


@dataclass(frozen=True)
class Figure:
    """One number, in its unit, with the reference's in the same unit where the bar is a multiple of it.

    A figure without a bar is there to be seen. `runs` and `references` are what it was chosen from, in turns.
    """

    name: str
    value: float
    unit: str
    must: Must | None = None
    reference: float | None = None
    runs: Sequence[float] = ()
    references: Sequence[float] = ()

    @classmethod
    def chosen(
        cls,
        name: str,
        unit: str,
        must: Must | None,
        runs: Sequence[float],
        references: Sequence[float] = (),
        *,
        by: Callable[[Sequence[float]], float],
    ) -> "Figure":
        """The figure of several runs: the best of them (`max`, `min`) or the one in the middle."""
        return cls(name, by(runs), unit, must, by(references) if references else None, runs, references)

    @property
    def ratio(self) -> float | None:
        """Value to reference; None where the bar is absolute."""
        return None if self.reference is None else self.value / self.reference

    @property
    def ok(self) -> bool | None:
        """Whether the bar is met; None where there is none.

        Raises:
            ValueError: the bar's unit is not the number's.
        """
        if self.must is None:
            return None
        number, unit = (self.value, self.unit) if self.ratio is None else (self.ratio, TIMES)
        if unit != self.must.unit:
            raise ValueError(f"{self.name}: the bar is in {self.must.unit}, the number in {unit}")
        return self.must.is_met(number)

    def as_json(self) -> dict[str, Any]:
        """The figure as `--json` prints it, to four significant digits."""
        return {
            "name": self.name,
            "value": _rounded(self.value),
            "unit": self.unit,
            "reference": _rounded(self.reference),
            "ratio": _rounded(self.ratio),
            "spread": _spread(self.runs),
            "ratio_spread": _spread([run / other for run, other in zip(self.runs, self.references, strict=False)]),
            "must": None if self.must is None else str(self.must),
            "ok": self.ok,
        }


class Options(NamedTuple):
    """What the command line asks for."""

    state: Path
    """The state with the whole data."""
    small: bool
    """A few seconds' worth, to see that it runs; its figures say nothing."""


@dataclass(frozen=True)
class Skipped:
    """What this machine could not measure, and why."""

    what: str
    reason: str


def run(name: str, measure: Callable[[Options], Iterable[Figure | Skipped]], description: str | None) -> None:
    """Be the benchmark's command: read the command line, measure, and print; progress goes to stderr."""
    parser = argparse.ArgumentParser(
        prog=f"python -m benchmarks.{name}", description=description, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    parser.add_argument("--small", action="store_true", help="a few seconds' worth; the figures say nothing")
    state = Path(os.environ.get("TANAWARI_BENCH_STATE") or STATE)
    parser.add_argument("--state", type=Path, default=state, help="the whole data's state (default: %(default)s)")
    arguments = parser.parse_args()
    found = list(measure(Options(arguments.state, arguments.small)))
    report = {
        "benchmark": name,
        "machine": machine(),
        "figures": [each.as_json() for each in found if isinstance(each, Figure)],
        "skipped": [f"{each.what}: {each.reason}" for each in found if isinstance(each, Skipped)],
    }
    for each in report["skipped"]:
        tell(f"skipped: {each}")
    if not arguments.json:
        Console(stderr=True).print(table([report]))
    print(json.dumps(report))


def tell(text: str) -> None:
    """Say on stderr what is being done."""
    print(text, file=sys.stderr, flush=True)


def machine() -> dict[str, Any]:
    """What was measured on, and which commit."""
    git = ["git", "-C", str(ROOT), "describe", "--always", "--dirty", "--exclude=*"]
    commit = subprocess.run(git, capture_output=True, text=True, check=False)  # noqa: S603 - composed here
    return {
        "cores": psutil.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 2**30),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "commit": commit.stdout.strip() or "unknown",
    }


def table(reports: Iterable[dict[str, Any]]) -> Table:
    """The figures of one or more benchmarks, for people."""
    shown = Table(*COLUMNS, box=None, pad_edge=False)
    for report in reports:
        for figure in report["figures"]:
            shown.add_row(*cells(report["benchmark"], figure))
    return shown


COLUMNS: Final = ("benchmark", "figure", "value", "reference", "ratio", "must", "ok")


def cells(benchmark: str, figure: dict[str, Any]) -> list[str]:
    """A figure, as it stands in `--json`, as the cells of a table's row; in brackets the least and the most."""
    verdict = {True: "yes", False: "NO", None: ""}[figure["ok"]]
    value = f"{_text(figure['value'])} {figure['unit']}{_bracketed(figure['spread'])}"
    ratio = f"{_text(figure['ratio'])}{_bracketed(figure['ratio_spread'])}"
    return [benchmark, figure["name"], value, _text(figure["reference"]), ratio, figure["must"] or "", verdict]


def _text(number: float | None) -> str:
    return "" if number is None else f"{number:,.12g}"


def _bracketed(spread: list[float] | None) -> str:
    return "" if spread is None else f" ({_text(spread[0])} to {_text(spread[1])})"


def _spread(runs: Sequence[float]) -> list[float | None] | None:
    """The least and the most, where there were several."""
    return [_rounded(min(runs)), _rounded(max(runs))] if len(runs) > 1 else None


def _rounded(number: float | None) -> float | None:
    return None if number is None else float(f"{number:.4g}")
