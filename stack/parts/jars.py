"""Programs of Java: Maven downloads their jars once per machine, because no Python package has them."""

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

from stack.parts.process import PartError

OLDEST_JAVA = 17
FETCH_SECONDS = 600


class Jars:
    """The jars of a program, for all states and checkouts of this user.

    Args:
        name: the program's in messages.
        pom: the list of jars, on which their directory depends.
    """

    def __init__(self, name: str, pom: Path) -> None:
        self.name, self.pom = name, pom

    def missing(self) -> str | None:
        """The missing requirement of the program, with the remedy; None if it can run."""
        needs = f"{self.name} needs Java {OLDEST_JAVA} or newer"
        if (java := java_version()) is None:
            return f"{needs}: install it (apt-get install openjdk-17-jre-headless)"
        if java < OLDEST_JAVA:
            return f"{needs}, found {java}: put a newer one on the PATH"
        if not self.home.exists() and shutil.which("mvn") is None:
            return f"{self.name}'s jars are downloaded with Maven, which is missing: install it (apt-get install maven)"
        return None

    def class_path(self) -> str:
        """The jars as Java's class path; downloaded if they are missing.

        Raises:
            PartError: a requirement is missing, or the download fails.
        """
        if reason := self.missing():
            raise PartError(reason)
        if not self.home.exists():
            self._fetch()
        return str(self.home / "*")

    def archive_file(self) -> Path:
        """The file for Java's archive of the classes in the jars; each Java has its own, which no other can read."""
        java = hashlib.sha256(java_build().encode()).hexdigest()[:12]
        return self.home.with_name(f"{self.home.name}-{java}.jsa")

    @property
    def home(self) -> Path:
        """Their directory."""
        cache_home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        program = self.pom.name.partition(".")[0]
        return cache_home / "tanawari" / f"{program}-{hashlib.sha256(self.pom.read_bytes()).hexdigest()[:12]}"

    def _fetch(self) -> None:
        self.home.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=".jars-", dir=self.home.parent))
        try:
            command = ["mvn", "-B", "-q", "-f", str(self.pom), "dependency:copy-dependencies"]
            command.append(f"-DoutputDirectory={draft}")
            told = subprocess.run(command, capture_output=True, text=True, check=False, timeout=FETCH_SECONDS)  # noqa: S603 - composed here
            if told.returncode != 0:
                lines = (told.stdout + told.stderr).strip().splitlines() or ["no output"]
                raise PartError(f"Maven could not download {self.name}'s jars: {lines[0]}")
            draft.rename(self.home)
        except subprocess.TimeoutExpired:
            raise PartError(f"Maven did not download {self.name}'s jars within {FETCH_SECONDS} s") from None
        except OSError:
            if not self.home.exists():  # otherwise another process was first
                raise
        finally:
            shutil.rmtree(draft, ignore_errors=True)


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
