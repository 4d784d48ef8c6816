import json
import subprocess
import sys

from benchmarks.report import ROOT
from stack.state import State
from tests.serving.conftest import put_bundle


def test_a_small_run_gives_its_figures(tmp_path):
    state = State(tmp_path / "state")
    put_bundle(state.path("bundles"), "b1")
    state.path("demo.json").write_text("{}")

    command = [sys.executable, "-m", "benchmarks.serving", "--json", "--small", "--state", str(state.directory)]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert ran.returncode == 0, ran.stderr
    figures = json.loads(ran.stdout.splitlines()[-1])["figures"]
    assert [figure["name"] for figure in figures] == ["cold users", "warm users", "warm users p99"]
    assert all(figure["value"] > 0 for figure in figures)
