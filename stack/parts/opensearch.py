"""OpenSearch: one node, for tests and benchmarks of catalog's second index."""

import subprocess
from contextlib import closing
from http import HTTPStatus
from http.client import HTTPConnection
from pathlib import Path

from stack.parts.jars import Jars
from stack.parts.process import HOST, PartError, Process, claim_port, free_port

JARS = Jars("OpenSearch", Path(__file__).with_name("opensearch.pom.xml"))
NODE = Path(__file__).with_name("OpenSearchNode.java")
OPTIONS = ("-Xms128m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dlog4j2.disable.jmx=true")


class OpenSearch(Process):
    """A node with its data in `directory`, without any password; `url` is its address.

    Raises:
        PartError: Java, Maven or the jars are missing.
    """

    def __init__(self, directory: Path) -> None:
        self.port = claim_port("opensearch", None)
        self.url = f"http://{HOST}:{self.port}"
        self._home, self._class_path = directory.absolute(), JARS.class_path()
        ports = [str(self.port), str(free_port())]
        command = ["java", *OPTIONS, "-cp", f"{self._home}:{self._class_path}", NODE.stem, str(self._home), *ports]
        super().__init__("opensearch", command, directory / "opensearch.log", is_ready=self._answers)

    def start(self, seconds: float = 180) -> None:
        """Start it and wait until it serves, which takes Java some seconds of work."""
        super().start(seconds)

    def spawn(self) -> None:
        """Start it, after its class has been compiled."""
        self._home.mkdir(parents=True, exist_ok=True)
        jars = ":".join(map(str, JARS.home.glob("*.jar")))
        compiler = ["java", "-cp", self._class_path, "org.eclipse.jdt.internal.compiler.batch.Main", "-17", "-nowarn"]
        command = [*compiler, "-cp", jars, "-d", str(self._home), str(NODE)]
        told = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - composed here
        if told.returncode != 0:
            raise PartError(f"{NODE.name} could not be compiled: {told.stderr.strip()}")
        super().spawn()

    def _answers(self) -> bool:
        with closing(HTTPConnection(HOST, self.port, timeout=2)) as connection:
            connection.request("GET", "/_cluster/health?wait_for_status=yellow&timeout=1s")
            return connection.getresponse().status == HTTPStatus.OK
