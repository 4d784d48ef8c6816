import threading

from stack import liveness as module
from stack.liveness import Liveness


def test_a_program_that_refuses_at_once_is_asked_again_after_the_pause_only(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    asked = threading.Semaphore(0)

    def refuses():
        asked.release()
        raise ConnectionRefusedError

    liveness = Liveness(refuses, pause=2)
    now[0] = 2.0
    liveness.check()
    assert asked.acquire(timeout=10)
    while not liveness.misses:
        liveness.check()
    assert not asked.acquire(timeout=0.2)
    now[0] = 4.0
    liveness.check()
    assert asked.acquire(timeout=10)
