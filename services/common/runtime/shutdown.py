"""SIGTERM drains and exits 0.

uvicorn drains too, but then raises the signal again, so that a clean stop would look like a kill to its supervisor.
A SIGINT stops it the same way, with exit code 0.
"""

import signal
import threading
from types import FrameType


def exit_cleanly_on_sigterm() -> None:
    """Forward the first SIGTERM as SIGINT to the server's current handler, and ignore further ones."""
    handle = signal.getsignal(signal.SIGTERM)
    if threading.current_thread() is not threading.main_thread() or not callable(handle):
        return

    def drain(_: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        handle(signal.SIGINT, frame)

    signal.signal(signal.SIGTERM, drain)
