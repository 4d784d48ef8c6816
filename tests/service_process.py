"""A service as a process of its own, started as the stack starts it."""

import os
import sys
import urllib.request
from pathlib import Path

from stack.parts.process import HOST, Process, free_port

ROOT = Path(__file__).parents[1]


class ServiceProcess(Process):
    """A service, or `serving`, on a port that it keeps when it is started again; `url` is its address."""

    def __init__(self, name, environment, log, *, port=None):
        self.port = port or free_port()
        self.url = f"http://{HOST}:{self.port}"
        package = name if name == "serving" else f"services.{name}"
        server = [sys.executable, "-m", "services.common.web.server", f"{package}.app:create_app"]
        super().__init__(
            name,
            [*server, "--host", HOST, "--port", str(self.port)],
            log,
            environment={**os.environ, **environment},
            directory=ROOT,
            is_ready=self._answers,
        )

    def _answers(self):
        return urllib.request.urlopen(f"{self.url}/health/live").status == 200
