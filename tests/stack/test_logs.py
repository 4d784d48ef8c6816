"""Logs are bounded while their processes write on."""

from pathlib import Path

from stack.logs import rotate


def parts(log: Path) -> list[str]:
    return [file.read_text() for file in sorted(log.parent.iterdir())]


def test_what_is_large_becomes_an_older_part_and_a_few_are_kept(tmp_path):
    log = tmp_path / "gateway.log"
    for number in range(4):
        log.write_text(f"line {number}\n")
        assert rotate(log, largest=1, kept=2)
    assert parts(log) == ["", "line 3\n", "line 2\n"]


def test_what_is_small_stays(tmp_path):
    log = tmp_path / "gateway.log"
    log.write_text("line\n")
    assert not rotate(log, largest=5)
    assert not rotate(tmp_path / "none.log")
    assert parts(log) == ["line\n"]


def test_a_process_writes_on_into_the_same_file(tmp_path):
    log = tmp_path / "gateway.log"
    with log.open("ab", buffering=0) as output:
        output.write(b"before\n")
        rotate(log, largest=1)
        output.write(b"after\n")
    assert parts(log) == ["after\n", "before\n"]
