"""Who opens pages faster than a person can is flagged, and nobody else."""

import pytest

from services.analytics import bots
from services.analytics.bots import Recent, Speeds

START = 1_790_000_000.0


def flags(times, *, speeds=None, is_timed=True):
    """Which of the views at these seconds are flagged."""
    speeds = speeds or Speeds()
    return [speeds.is_too_fast("u", START + each, True, is_timed) for each in times]


def evenly(count, *, every, after=0.0):
    return [after + every * place for place in range(count)]


@pytest.mark.parametrize(
    "times",
    [
        evenly(10, every=0),  # tabs that were opened at once
        evenly(200, every=1.0),
        [*evenly(50, every=0.5), *evenly(100, every=2.0, after=60)],
        [time for start in range(0, 3_600, 60) for time in evenly(8, every=0.2, after=start)],  # tabs, again and again
    ],
)
def test_a_person_is_not_flagged(times):
    assert not any(flags(times))


@pytest.mark.parametrize(
    ("times", "first"),
    [
        (evenly(100, every=0), 10),
        (evenly(100, every=0.1), 19),
        (evenly(200, every=0.5), 119),
        (evenly(100, every=0.75), None),
        (evenly(1_000, every=0.9), 591),
    ],
)
def test_a_machine_is_flagged_once_it_is_past_what_a_person_can_do_and_from_then_on(times, first):
    found = flags(times)
    assert found == [first is not None and place >= first for place in range(len(times))]


def test_whoever_slows_down_is_a_person_again_after_a_while():
    bot, slower = evenly(1_000, every=0.01), evenly(60, every=5.0, after=15)
    found = flags([*bot, *slower])[1_000:]
    assert found[0]
    assert not found[-1]


def test_other_actions_are_those_of_whoever_is_too_fast_and_do_not_count():
    speeds = Speeds()
    assert not any(speeds.is_too_fast("u", START, False, True) for _ in range(100))
    flags(evenly(20, every=0), speeds=speeds)
    assert speeds.is_too_fast("u", START, False, True)
    assert not speeds.is_too_fast("another", START, False, True)
    assert not speeds.is_too_fast("u", START + 3, False, True)


def test_views_without_times_are_not_in_one_moment_but_too_many_are_too_many():
    assert flags(evenly(100, every=0), is_timed=False) == [False] * 60 + [True] * 40


def test_what_was_stored_and_comes_late_says_nothing_about_now():
    speeds = Speeds()
    assert not any(flags(evenly(9, every=0), speeds=speeds))
    assert not any(flags(evenly(100, every=0, after=-600), speeds=speeds))
    assert flags([0, -1], speeds=speeds) == [False, True]


def test_what_is_sent_again_gets_the_same_answer_and_does_not_count():
    speeds = Speeds()

    def send():
        return [speeds.is_too_fast_once(f"e{place}", "u", START, True, True) for place in range(12)]

    first = send()
    assert first == [False] * 10 + [True] * 2
    assert [send() for _ in range(3)] == [first] * 3


def test_what_was_kept_or_read_last_is_remembered():
    recent = Recent(3)
    for key in "abcdefg":
        recent.keep(key, key.upper())
        recent.get("a")
    assert [recent.get(key) for key in "afgb"] == ["A", "F", "G", None]


def test_memory_is_bounded_however_many_users_there_are(monkeypatch):
    monkeypatch.setattr(bots, "MAX_USERS", 10)
    monkeypatch.setattr(bots, "MAX_ANSWERS", 10)
    speeds = Speeds()
    for number in range(1_000):
        speeds.is_too_fast_once(f"e{number}", f"u{number}", START, True, True)
    kept = [len(part) for each in (speeds._users, speeds._answers) for part in (each._new, each._old)]
    assert max(kept) == 10
