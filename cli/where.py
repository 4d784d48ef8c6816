"""Where a command works: on the stack of a state, or on the deployment whose URLs are set; never on both.

A state named by `--state` or `TANAWARI_STATE` is always used. Without a name, the state in `.tanawari` is used if it
exists, else the URLs. If both exist, the command is refused.
"""

import os
from collections.abc import Mapping
from pathlib import Path

from cli.options import notice
from stack.external import exported, external_addresses, was_started_with
from stack.state import DEFAULT_DIRECTORY, State, StateError


def chosen(named: Path | None, outside: Mapping[str, str] = os.environ) -> Path | None:
    """The directory of the state to use, which may not exist; None for the URLs.

    Raises:
        StateError: both are possible.
    """
    if named is not None:
        return named
    urls = exported(outside)
    default = DEFAULT_DIRECTORY
    is_there = State.version_of(default) > 0
    if urls and is_there and not was_started_with(State(default), outside):
        raise StateError(
            f"{default} holds a local stack, and {', '.join(sorted(urls))} point to a deployment: "
            f"for the stack add --state {default}, for the deployment run tanawari in another directory"
        )
    return default if is_there or not urls else None


def announce(state: State, *, will_start: bool = True) -> None:
    """Print which stack will be used and, if it will be started, with which parts from elsewhere."""
    parts = external_addresses(state) if will_start else []
    notice(f"using the stack of {state.directory}{', with ' if parts else ''}{', '.join(parts)}")


def existing(directory: Path) -> State:
    """The state in a directory; it is never created here.

    Raises:
        StateError: there is none.
    """
    if not State.version_of(directory):
        raise StateError(f"there is no stack in {directory}: run tanawari up, or use --state")
    return State(directory)
