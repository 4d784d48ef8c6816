"""Apache Kafka's jars: Maven downloads them once per machine, because no Python package has them."""

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

from stack.parts.process import PartError

POM = Path(__file__).with_name("kafka.pom.xml")
OLDEST_JAVA = 17
FETCH_SECONDS = 600


def missing() -> str | None:
    """The missing requirement of Apache Kafka, with the remedy; None if it can run."""
    if (java := java_version()) is None:
        return f"Apache Kafka needs Java {OLDEST_JAVA} or newer: install it (apt-get install openjdk-17-jre-headless)"
    if java < OLDEST_JAVA:
        return f"Apache Kafka needs Java {OLDEST_JAVA} or newer, found {java}: put a newer one on the PATH"
    if not _home().exists() and shutil.which("mvn") is None:
        return "Apache Kafka's jars are downloaded with Maven, which is missing: install it (apt-get install maven)"
    return None


def java_version() -> int | None:
    """The major version of the `java` on the PATH."""
    found = re.search(r'version "(?:1\.)?(\d+)', java_build())
    return int(found[1]) if found else None


@cache
def java_build() -> str:
    """How the `java` on the PATH describes itself; empty without one."""
    try:
        return subprocess.run(["java", "-version"], capture_output=True, text=True, check=False).stderr  # noqa: S607 - the PATH's is meant
    except OSError:
        return ""


def class_path() -> str:
    """The jars as Java's class path; downloaded if they are missing.

    Raises:
        PartError: a requirement is missing, or the download fails.
    """
    if reason := missing():
        raise PartError(reason)
    target = _home()
    if not target.exists():
        _fetch(target)
    return str(target / "*")


def archive_file() -> Path:
    """The file for Java's archive of the classes in the jars; each Java has its own, which no other can read."""
    java = hashlib.sha256(java_build().encode()).hexdigest()[:12]
    return _home().with_name(f"{_home().name}-{java}.jsa")


def _home() -> Path:
    """Their directory, for all states and checkouts of this user; it depends on the list of jars."""
    cache_home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache_home / "tanawari" / f"kafka-{hashlib.sha256(POM.read_bytes()).hexdigest()[:12]}"


def _fetch(target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=".kafka-", dir=target.parent))
    try:
        command = ["mvn", "-B", "-q", "-f", str(POM), "dependency:copy-dependencies", f"-DoutputDirectory={draft}"]
        told = subprocess.run(command, capture_output=True, text=True, check=False, timeout=FETCH_SECONDS)  # noqa: S603 - composed here
        if told.returncode != 0:
            lines = (told.stdout + told.stderr).strip().splitlines() or ["no output"]
            raise PartError(f"Maven could not download Apache Kafka's jars: {lines[0]}")
        draft.rename(target)
    except subprocess.TimeoutExpired:
        raise PartError(f"Maven did not download Apache Kafka's jars within {FETCH_SECONDS} s") from None
    except OSError:
        if not target.exists():  # otherwise another process was first
            raise
    finally:
        shutil.rmtree(draft, ignore_errors=True)
