"""Small JSON files that are replaced atomically."""

import json
import os
from pathlib import Path
from typing import Any


def read_json(path: Path) -> dict[str, Any]:
    """The object in a file; empty if the file does not exist."""
    return dict(json.loads(path.read_bytes())) if path.exists() else {}


def write_json(path: Path, content: object, *, mode: int = 0o644) -> None:
    """Replace a file atomically."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.touch(mode=mode)
    draft.write_text(json.dumps(content, indent=2) + "\n")
    draft.replace(path)
