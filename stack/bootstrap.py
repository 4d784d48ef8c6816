"""Creates `.venv` from `requirements.lock`: `python3 stack/bootstrap.py`, called by the Makefile.

It runs with any Python of the machine, so that it can say what is wrong with it: it uses the standard library only, and
no syntax newer than Python 3.6. A second run with the same lock file does nothing.
"""

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
LOCK = ROOT / "requirements.lock"
STAMP = VENV / "installed-from"
GIGABYTE = 1024**3
NEEDED_GIGABYTES = 5


def main() -> None:
    """Check the machine, then install the packages of the lock file; hashes are verified."""
    wanted = hashlib.sha256(LOCK.read_bytes() + (ROOT / "pyproject.toml").read_bytes()).hexdigest()
    if STAMP.exists() and STAMP.read_text() == wanted:
        return
    refuse_unfit_machine()
    python = VENV / "bin" / "python"
    if not python.exists():
        run(sys.executable, "-m", "venv", VENV)
    sys.stdout.write("Installing the packages of requirements.lock (about a minute) ...\n")
    sys.stdout.flush()
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as pinned:
        pinned.write(pinned_requirement("uv"))
        pinned.flush()
        run(python, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--require-hashes", "-r", pinned.name)
    uv = VENV / "bin" / "uv"
    run(uv, "pip", "sync", "--quiet", "--python", python, "--require-hashes", LOCK)
    run(uv, "pip", "install", "--quiet", "--python", python, "--no-deps", "--no-build-isolation", "--editable", ROOT)
    STAMP.write_text(wanted)


def refuse_unfit_machine() -> None:
    """Exit with the problem and its remedy if Tanawari cannot run here."""
    version = ".".join(map(str, sys.version_info[:3]))
    if not (3, 11) <= sys.version_info[:2] <= (3, 13):
        sys.exit(f"Tanawari needs Python 3.11, 3.12 or 3.13, and {sys.executable} is {version}: make PYTHON=python3.12")
    if not (importlib.util.find_spec("venv") and importlib.util.find_spec("ensurepip")):
        sys.exit("This Python lacks the module venv. On Debian and Ubuntu: apt-get install python3-venv")
    free = shutil.disk_usage(str(ROOT)).free / GIGABYTE
    if free < NEEDED_GIGABYTES:
        sys.exit(f"Tanawari needs {NEEDED_GIGABYTES} GB of disk, and {free:.1f} GB are free at {ROOT}: make room")


def pinned_requirement(package: str) -> str:
    """The lines of the lock file that pin one package with its hashes."""
    lines = LOCK.read_text().splitlines(keepends=True)
    start = next(number for number, line in enumerate(lines) if line.startswith(package + "=="))
    stop = next(number for number, line in enumerate(lines) if number > start and "    --hash" not in line)
    return "".join(lines[start:stop])


def run(*command: object) -> None:
    """Run a command with the package index of pip; exit if it fails."""
    environment = dict(os.environ)
    if "PIP_INDEX_URL" in environment:
        environment.setdefault("UV_DEFAULT_INDEX", environment["PIP_INDEX_URL"])
    words = [str(word) for word in command]
    code = subprocess.call(words, cwd=str(ROOT), env=environment)  # noqa: S603 (every word is our own)
    if code:
        sys.exit(f"This failed with exit code {code}: {' '.join(words)}")


if __name__ == "__main__":
    main()
