"""SIGTERM drains and exits 0.

uvicorn drains too, but then raises the signal again, so that a clean stop would look like a kill to its supervisor.
Taken for SIGINT it ends the same way, with exit code 0.
"""

import signal
import threading
from types import FrameType


def exit_cleanly_on_sigterm() -> None:
    """Hand a first SIGTERM on as SIGINT to the server that handles signals now, and ignore further ones."""
    handle = signal.getsignal(signal.SIGTERM)
    if threading.current_thread() is not threading.main_thread() or not callable(handle):
        return

    def drain(_: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        handle(signal.SIGINT, frame)

    signal.signal(signal.SIGTERM, drain)
