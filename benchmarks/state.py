"""The state with the whole data, which several benchmarks share: made once, by the demo's own command.

with running(options.state) as environment:     # all of the shop, as `tanawari up` starts it
environment.address("gateway")
with parts(options.state, "postgres") as environment:   # some of its servers only
environment.variables["WAREHOUSE_PIPELINES_URL"]
"""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from benchmarks.report import ROOT, tell
from stack import control
from stack.environment import Environment
from stack.programs import program_ports
from stack.servers import servers
from stack.state import BrokerKind, State


def whole(directory: Path) -> State:
    """The state in a directory, made where there is none: five minutes' work."""
    if not (directory / "demo.json").exists():
        tell(f"making the whole data's state in {directory}")
        command = [sys.executable, "-m", "cli", "demo", "--state", str(directory), "--exit"]
        subprocess.run(command, check=True, cwd=ROOT, stdout=sys.stderr)  # noqa: S603 - composed here
    return State(directory)


@contextmanager
def running(directory: Path, broker: BrokerKind = BrokerKind.EMBEDDED) -> Iterator[Environment]:
    """The whole shop runs meanwhile, on a broker of that kind."""
    state = whole(directory)
    state.choose_broker(broker)
    with state.locked():
        control.start(state, {}, stays=False)
        try:
            control.wait_until(state, "running", tell)
            yield Environment.running(state)
        finally:
            control.stop(state, tell)


@contextmanager
def parts(directory: Path, *names: str) -> Iterator[Environment]:
    """Those of the state's servers (`postgres`, `broker`, `valkey`) run meanwhile, and nothing else."""
    state = whole(directory)
    with state.locked(), ExitStack() as stack:
        environment = Environment(state, state.ports(program_ports()))
        for name, server in servers(environment).items():
            if name in names:
                stack.enter_context(server.process)
        yield environment
