"""Apache Kafka: one node that is broker and controller; its log survives restarts."""

import base64
import fcntl
import logging
import shutil
import struct
import subprocess
import tempfile
import uuid
from pathlib import Path

from stack.parts.jars import Jars
from stack.parts.process import HOST, PartError, Process, claim_port, exchange, free_port

logger = logging.getLogger(__name__)

JARS = Jars("Apache Kafka", Path(__file__).with_name("kafka.pom.xml"))
METADATA = 3
CORRELATION = 1
ENDED = 143
"""Java's exit code when it was asked to end, and did."""

HEAP = ("-Xms256m", "-Xmx512m", "-XX:+UseSerialGC")
LOGGING = (
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd HH:mm:ss.SSS",
)
PROPERTIES = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    # one node, so one replica
    "offsets.topic.replication.factor": "1",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.num.partitions": "4",
    "auto.create.topics.enable": "false",  # a misspelt topic is an error, not another topic
    "group.initial.rebalance.delay.ms": "0",
    # after kill -9 the controller refuses the node until its session has ended
    "broker.session.timeout.ms": "2000",
    "broker.heartbeat.interval.ms": "500",
    "metadata.max.idle.interval.ms": "5000",  # of the controller's empty records; each wakes half of its threads
}


class Kafka(Process):
    """A broker with its log in `directory`; `url` is its `host:port`. Topics must exist before anything is produced.

    Args:
        directory: the directory of log and configuration, created at the first start.
        port: the port, or None for a free one.
        log: log file, by default in the directory.
        starts_fast: compile less: half the start-up time at a lower throughput, for tests.

    Raises:
        PartError: Java, Maven or the jars are missing.
    """

    format_options: tuple[str, ...] = ()
    """More options of the command that creates the log."""

    def __init__(
        self, directory: Path, port: int | None = None, *, log: Path | None = None, starts_fast: bool = False
    ) -> None:
        self.port = claim_port("kafka", port)
        self.url = f"{HOST}:{self.port}"
        self.home = directory.absolute()
        flags = [f"-Djava.io.tmpdir={self.home}", *(["-XX:TieredStopAtLevel=1"] if starts_fast else [])]
        self._java = ["java", *flags, *self.class_options(), "-cp", JARS.class_path()]
        command = [*self._java, *HEAP, *LOGGING, "kafka.Kafka", str(self._properties)]
        super().__init__("kafka", command, log or directory / "kafka.log", is_ready=self._answers)

    def class_options(self) -> list[str]:
        """Options by which Java finds classes that it has read before."""
        return [f"-XX:SharedArchiveFile={class_archive()}"]

    @property
    def _properties(self) -> Path:
        return self.home / "server.properties"

    def spawn(self) -> None:
        """Start it; the first start creates the log."""
        self.home.mkdir(parents=True, exist_ok=True)
        self._properties.write_text("".join(f"{key}={value}\n" for key, value in self.properties().items()))
        if not (self.home / "log" / "meta.properties").exists():
            self._format()
        super().spawn()

    def properties(self) -> dict[str, str]:
        """Its configuration, with a new port for its controller."""
        controller = f"{HOST}:{free_port()}"
        listener = f"PLAINTEXT://{self.url}"
        return {
            **PROPERTIES,
            "log.dirs": str(self.home / "log"),
            "controller.quorum.voters": f"1@{controller}",
            "listeners": f"{listener},CONTROLLER://{controller}",
            "advertised.listeners": listener,
        }

    def _format(self) -> None:
        """Create the log with a cluster id."""
        shutil.rmtree(self.home / "log", ignore_errors=True)  # of an interrupted first start
        # sixteen bytes as text; the prefix prevents a leading hyphen, which would be an option
        cluster_id = "tw" + base64.urlsafe_b64encode(uuid.uuid4().bytes).decode()[2:22]
        options = ["-t", cluster_id, "-c", str(self._properties), *self.format_options]
        command = [*self._java, "kafka.tools.StorageTool", "format", *options]
        made = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - composed here
        if made.returncode != 0:
            lines = (made.stdout + made.stderr).strip().splitlines() or ["no output"]
            raise PartError(f"Apache Kafka could not create its log in {self.home}: {lines[-1]}")

    def _answers(self) -> bool:
        """Whether it is listed as an active broker: the port is open before that, and for a moment after a kill."""
        request = struct.pack(">hhihi", METADATA, 1, CORRELATION, -1, 0)  # no client id, no topics
        answer = exchange(self.port, struct.pack(">i", len(request)) + request)
        correlation, brokers = struct.unpack(">ii", answer[4:12])
        return bool(correlation == CORRELATION and brokers > 0)


class Recorder(Kafka):
    """One that writes the archive of the classes that it has loaded, when it is stopped."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory, starts_fast=True)
        self.archive = directory / "classes.jsa"
        self.command.insert(1, f"-XX:ArchiveClassesAtExit={self.archive}")

    def class_options(self) -> list[str]:
        """None: it reads each class."""
        return []


def class_archive() -> Path:
    """Java's archive of the classes that a start loads, made once per machine: with it a start is half the work.

    Java does without one that is missing, or was made for other jars.

    Raises:
        PartError: Java, Maven or the jars are missing.
    """
    JARS.class_path()
    archive = JARS.archive_file()
    if not archive.exists():
        try:
            _record_classes(archive)
        except (PartError, OSError) as error:
            logger.warning("every start of Apache Kafka reads all its classes, for there is no archive: %s", error)
    return archive


def _record_classes(archive: Path) -> None:
    with archive.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if archive.exists():  # another process was first
            return
        with tempfile.TemporaryDirectory(prefix=".kafka-", dir=archive.parent) as draft:
            with Recorder(Path(draft)) as recorder:
                pass
            if recorder.exit_code == ENDED:  # one that was killed while it wrote leaves half an archive
                recorder.archive.rename(archive)
