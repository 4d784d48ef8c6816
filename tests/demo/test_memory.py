import subprocess
import sys

from demo import memory
from tests.waiting import wait_until

HOLD = "import time; held = bytearray(100_000_000); print('held', flush=True); time.sleep(60)"


def test_the_peak_counts_the_processes_below(monkeypatch):
    monkeypatch.setattr(memory, "PERIOD_SECONDS", 0.01)
    holder = subprocess.Popen([sys.executable, "-c", HOLD], stdout=subprocess.PIPE, text=True)
    with memory.PeakMemory() as peak, holder as child:
        child.stdout.readline()
        wait_until(lambda: peak.megabytes >= 95)
        child.kill()
