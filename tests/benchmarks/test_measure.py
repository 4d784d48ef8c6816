import sys

from benchmarks.measure import in_turns, peak_resident_mb
from stack.parts.process import Process


def test_thing_and_reference_take_turns():
    order = iter(range(4))

    assert in_turns(lambda: next(order), lambda: next(order), rounds=2) == ([0, 2], [1, 3])


def test_a_peak_is_remembered_when_the_memory_is_given_back(tmp_path):
    marker = tmp_path / "marker"
    held = f"import pathlib, time; b'x' * (200 << 20); pathlib.Path({str(marker)!r}).touch(); time.sleep(60)"
    with Process("eater", [sys.executable, "-c", held], tmp_path / "log", is_ready=marker.exists) as process:
        assert 200 < peak_resident_mb(process.pid) < 260
