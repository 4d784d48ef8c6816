"""A run of named steps, each shown with its progress and its time."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from shop_import.wording import counted


@dataclass
class Step:
    """One step while it runs; `counts` are its results."""

    name: str
    progress: Progress
    task: TaskID
    counts: dict[str, int] = field(default_factory=dict)

    def expect(self, total: int) -> None:
        """Set the total amount of work."""
        self.progress.update(self.task, total=total)

    def advance(self, by: int) -> None:
        """Add completed work."""
        self.progress.update(self.task, advance=by)

    def say(self, text: str) -> None:
        """Show the current activity."""
        self.progress.update(self.task, description=f"{self.name}: {text}")


class Steps:
    """The steps of one run; `records` is stored in `demo.json`."""

    def __init__(self, screen: Console) -> None:
        self.records: list[dict[str, object]] = []
        self._screen = screen

    @contextmanager
    def step(self, name: str) -> Iterator[Step]:
        """Run a step under a progress display, and record it once it has succeeded."""
        started = time.monotonic()
        columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(bar_width=30), TimeElapsedColumn())
        is_silent = not self._screen.is_terminal
        with Progress(*columns, console=self._screen, transient=True, disable=is_silent) as progress:
            step = Step(name, progress, progress.add_task(name, total=None))
            yield step
        seconds = round(time.monotonic() - started, 1)
        self.records.append({"name": name, "seconds": seconds, "counts": step.counts})
        counts = ", ".join(counted(number, what) for what, number in step.counts.items())
        self._screen.print(f"[green]✓[/] {name:<14} {seconds:6.1f} s  [dim]{counts}[/]", soft_wrap=True)
