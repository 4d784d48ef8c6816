"""Who is in which arm of an experiment."""

from collections import Counter

import pytest

from services.contracts.experiments import arm_of

ARMS = [("control", 3), ("challenger", 1)]
USERS = [f"u{each}" for each in range(4_000)]


def test_arms_get_their_share_of_the_users():
    shares = Counter(arm_of("ranking", ARMS, each) for each in USERS)
    assert shares["challenger"] == pytest.approx(1_000, abs=100)


def test_arms_of_two_experiments_have_nothing_to_do_with_each_other():
    first, second = ({each for each in USERS if arm_of(name, ARMS, each) == "challenger"} for name in ("a", "b"))
    assert len(first & second) == pytest.approx(250, abs=60)


def test_who_is_in_which_arm_never_changes():
    assert [arm_of("ranking", ARMS, each) for each in ("u1", "u2", "anon:0198f2c4", "日本")] == [
        "challenger",
        "control",
        "challenger",
        "control",
    ]
