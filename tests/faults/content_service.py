"""The content service as a process, which a test may kill and start again."""

import sys
import urllib.request
from pathlib import Path

from stack.parts.process import HOST, Process, free_port

ROOT = Path(__file__).parents[2]


class Content(Process):
    """On a port that it keeps when it is started again; `url` is its address."""

    def __init__(self, environment, log):
        port = free_port()
        self.url = f"http://{HOST}:{port}"
        command = [
            sys.executable,
            "-m",
            "services.common.web.server",
            "services.content.app:create_app",
            "--port",
            str(port),
        ]
        super().__init__("content", command, log, environment=environment, directory=ROOT, is_ready=self._answers)

    def _answers(self):
        return urllib.request.urlopen(f"{self.url}/health/live").status == 200
