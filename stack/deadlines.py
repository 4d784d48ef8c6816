"""Time limits for stopping: for each stage, and for the whole stop."""

DRAIN_SECONDS = 60.0
"""For draining the services, and for draining landing."""
STOP_SECONDS = 20.0
"""For a process, which is killed afterwards."""
WHOLE_STOP_SECONDS = 3 * DRAIN_SECONDS + 4 * STOP_SECONDS + 20.0
"""Four groups of processes stop one after the other; services are drained once, landing twice; plus a reserve."""
