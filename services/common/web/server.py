"""Runs a service behind its guard: `python -m services.common.web.server FACTORY [uvicorn's own options]`.

It sets the options that every service needs, so that no deployment has to know them; given options take precedence.
"""

import gc
import os
import resource
import sys
from typing import Final

from uvicorn.main import main as uvicorn

from services.contracts.setting_errors import ends_in_a_line

OPTIONS: Final = (
    "--factory",
    *("--http", "services.common.web.guard:GuardedProtocol", "--ws", "none"),
    *("--no-access-log", "--no-server-header", "--timeout-graceful-shutdown", "15"),
)
FILES: Final = 65_536


@ends_in_a_line()
def main() -> None:
    """Run until SIGTERM."""
    gc.disable()  # `frozen_heap` enables it: to search for garbage in what is imported was a fifth of the start
    os.environ.setdefault("FORWARDED_ALLOW_IPS", "")  # uvicorn would trust every caller on this machine
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(
        resource.RLIMIT_NOFILE, (min(most, FILES), most)
    )  # each connection needs one; many shells allow 256
    uvicorn([*OPTIONS, *sys.argv[1:]], prog_name="python -m services.common.web.server")


if __name__ == "__main__":
    main()
