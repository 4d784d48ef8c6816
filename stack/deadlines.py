"""How long stopping may take: each stage's time, and all together."""

DRAIN_SECONDS = 60.0
"""For each of the services, their consumers, and the landing, until nothing is under way."""
STOP_SECONDS = 20.0
"""For a process, until it is killed."""
WHOLE_STOP_SECONDS = 3 * DRAIN_SECONDS + 4 * STOP_SECONDS + 20.0
"""Intake, programs, landing and servers, the services drained once and the landing twice; then something hangs."""
