"""A Postgres that takes no connection without TLS, a password and a certificate.

It is another build than the embedded one, which has no TLS; Maven carries it. Debian's is older than the landing needs.
"""

import os
import platform
import shutil
import subprocess
import tarfile
import tempfile
import zipfile
from pathlib import Path
from urllib.parse import urlencode

from stack.parts.postgres import Postgres
from tests.certificates import Authority
from tests.machine import require

VERSION = "18.1.0"
BUILD = "embedded-postgres-binaries-linux-" + {"x86_64": "amd64", "aarch64": "arm64v8"}[platform.machine()]
DOORS = "hostssl all all 127.0.0.1/32 scram-sha-256 clientcert=verify-ca\n"
TLS = {"ssl": "on", "ssl_cert_file": "server.crt", "ssl_key_file": "server.key", "ssl_ca_file": "authority.pem"}


def programs() -> Path:
    """The directory of its programs, fetched once a machine to where the user that will run them may execute them."""
    target = Path(tempfile.gettempdir()) / f"tanawari-{BUILD}-{VERSION}"
    if not target.exists():
        if shutil.which("mvn") is None:
            require("a Postgres with TLS is fetched by Maven, which is missing: install it (apt-get install maven)")
        with tempfile.TemporaryDirectory(dir=target.parent) as name:
            artifact = f"-Dartifact=io.zonky.test.postgres:{BUILD}:{VERSION}"
            subprocess.run(["mvn", "-B", "-q", "dependency:copy", artifact, f"-DoutputDirectory={name}"], check=True)
            draft = Path(name) / "programs"
            with zipfile.ZipFile(Path(name) / f"{BUILD}-{VERSION}.jar") as jar:
                archive = next(each for each in jar.namelist() if each.endswith(".txz"))
                with jar.open(archive) as packed, tarfile.open(fileobj=packed, mode="r:xz") as files:
                    # The documented spelling for Pythons before 3.11.4, whose extractall takes no filter
                    files.extraction_filter = getattr(tarfile, "data_filter", lambda member, _: member)
                    files.extractall(draft)
            draft.chmod(0o755)
            draft.rename(target)
    return target / "bin"


class SecurePostgres(Postgres):
    """`query` is what a URL ends with that shows all that is asked for; `url()` has it."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir()
        self.authority = Authority(directory)
        self.server, self.client = (self.authority.issue(name) for name in ("server", "client"))
        super().__init__(directory / "data", password="superuser", settings=TLS, programs=programs())

    @property
    def query(self) -> str:
        """As the query of a URL: verify the server, and show our certificate."""
        return self.query_with()

    def query_with(self, **changes: object) -> str:
        """The same with other parameters."""
        files = {"sslcert": self.client.certificate, "sslkey": self.client.key}
        return urlencode({"sslmode": "verify-full", "sslrootcert": self.authority.file, **files, **changes})

    def url(self, database: str = "postgres") -> str:
        """The superuser's URL to one database."""
        return f"{super().url(database)}?{self.query}"

    def _initialise(self, directory: Path) -> None:
        super()._initialise(directory)
        (directory / "pg_hba.conf").write_text(DOORS)
        for file in (self.server.certificate, self.server.key, self.authority.file):
            copy = Path(shutil.copy(file, directory))
            copy.chmod(0o600)
            os.chown(copy, self.user_id or os.geteuid(), -1)
