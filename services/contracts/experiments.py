"""Which arm of an experiment a user or visitor is in: whoever knows the experiment says the same, and keeps nothing.

arm_of("ranking-2026-12", [("control", 50), ("challenger", 50)], "u1")      # "control", today and tomorrow
"""

from collections.abc import Sequence
from hashlib import sha256


def arm_of(experiment: str, arms: Sequence[tuple[str, int]], user_id: str) -> str:
    """The arm of a user: by a hash of both names, so that the arms of two experiments have nothing to do with another.

    Args:
        experiment: its name.
        arms: names and weights; an arm gets its share of the users.
        user_id: a user or visitor.
    """
    digest = sha256(f"{experiment}\n{user_id}".encode()).digest()
    point = int.from_bytes(digest[:8]) % sum(weight for _, weight in arms)
    for name, weight in arms:
        if point < weight:
            return name
        point -= weight
    raise ValueError("an experiment has arms, of weights above 0")
