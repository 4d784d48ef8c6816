"""Seconds and memory to fit all default models on the whole data, in a process of its own; nothing is evaluated.

The real code on the training set that the pipelines have written, with the environment that they run in. The lists
are what a bundle costs beyond that: everybody's candidates and every product's neighbours. The best of three counts; of
memory the most, lists included.
"""

import os
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Final, NamedTuple

from benchmarks.measure import ROUNDS, peak_resident_mb
from benchmarks.report import Figure, Options, at_most, run, tell
from benchmarks.state import whole
from stack.environment import QUIET

TIME: Final = at_most(12.5, "s")
MEMORY: Final = at_most(2000, "MB")


class Cost(NamedTuple):
    """Seconds to read and fit, and for the lists; the most memory, in MB; and seconds by model."""

    fit: float
    lists: float
    peak_mb: float
    by_model: dict[str, float]


def measure(options: Options) -> Iterator[Figure]:
    """Train on the newest day's training set."""
    day = max(whole(options.state).path("training").iterdir())
    costs = [in_own_process(day) for _ in range(1 if options.small else ROUNDS)]
    yield Figure.chosen("fit", "s", TIME, [cost.fit for cost in costs], by=min)
    yield Figure.chosen("lists", "s", None, [cost.lists for cost in costs], by=min)
    yield Figure.chosen("peak memory", "MB", MEMORY, [cost.peak_mb for cost in costs], by=max)


def in_own_process(day: Path) -> Cost:
    """Train in a new process, whose memory is its own."""
    os.environ.update(QUIET)
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        cost = pool.submit(train, day).result()
    models = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in cost.by_model.items())
    tell(f"{cost.fit:.1f} s ({models}), lists {cost.lists:.1f} s, {cost.peak_mb:,.0f} MB")
    return cost


def train(day: Path) -> Cost:
    """Read a day's training set, fit every default model, and ask for all lists."""
    from ml.shelves.composing import Rules  # noqa: PLC0415 - likewise
    from ml.training.assembly import content_of  # noqa: PLC0415 - a process that only waits needs no models
    from ml.training.configuration import TrainingConfig, fit_all  # noqa: PLC0415 - likewise
    from pipelines.training_set import TrainingSet  # noqa: PLC0415 - likewise

    started = time.perf_counter()
    found = TrainingSet.read(day)
    dataset = found.dataset()
    fitted = fit_all(dataset, TrainingConfig())
    fit_at = time.perf_counter()
    content_of(dataset, fitted, Rules.load().candidate_sources(), found.activity)
    ended = time.perf_counter()
    return Cost(fit_at - started, ended - fit_at, peak_resident_mb(os.getpid()), fitted.seconds)


if __name__ == "__main__":
    run("training", measure, __doc__)
