"""moto's server: Amazon's APIs over HTTP, as a process of its own."""

import sys
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import pytest

from stack.parts.process import HOST, Process, free_port

REGION = "eu-west-1"


class Moto(Process):
    """A server."""

    def __init__(self, directory):
        self.port = free_port()
        self.url = f"http://{HOST}:{self.port}"
        command = [str(Path(sys.executable).with_name("moto_server")), "-H", HOST, "-p", str(self.port)]
        super().__init__("moto", command, directory / "moto.log", is_ready=self._answers)

    def _answers(self):
        return urllib.request.urlopen(f"{self.url}/moto-api/").status == 200


@contextmanager
def credentials():
    """What boto3 needs; moto takes any."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, "test")
        yield
