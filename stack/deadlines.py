"""Time limits for stopping: of each stage, and of all of them."""

DRAIN_SECONDS = 60.0
"""For draining the services, and for draining landing."""
STOP_SECONDS = 20.0
"""For a process; then it is killed."""
WHOLE_STOP_SECONDS = 3 * DRAIN_SECONDS + 4 * STOP_SECONDS + 20.0
"""Four groups of processes stop one after the other; services are drained once, landing twice; and some reserve."""
