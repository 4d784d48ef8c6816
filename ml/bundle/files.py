"""The files of a bundle: the manifest, and reading and writing files with their hashes."""

import json
import os
from hashlib import file_digest
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl
from pydantic import AwareDatetime, BaseModel, ConfigDict, JsonValue, ValidationError
from pydantic.alias_generators import to_camel

from ml.bundle.check import BadManifestError, BadShapeError, BrokenHashError, MissingFileError, UnknownVersionError
from ml.bundle.content import Array, Part

FORMAT_VERSION: Final = 2
MANIFEST: Final = "manifest.json"


class Document(BaseModel):
    """A JSON file with camelCase names; unknown fields are refused."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, frozen=True, extra="forbid")

    def write(self, path: Path) -> None:
        """Replace `path` atomically, so that no reader sees a partial file."""
        temporary = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            temporary.write_text(self.model_dump_json(by_alias=True, indent=2) + "\n")
            sync(temporary)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
        sync(path.parent)


class About(Document):
    """The metadata of a bundle: creation time, data cut, configuration and quality.

    `data_cut` is the time of the newest event in the data: a follower of the topics applies newer events.
    `data_hash` identifies the training set, and `purchase_lines` is its number of purchase lines.
    `shelves` is the quality of the shelves, from `ml.evaluation.shelves.as_document`.
    `popularity_because` says why all lists are popularity, if no model is good enough yet.
    """

    created_at: AwareDatetime
    data_cut: AwareDatetime
    rules_version: str
    data_hash: str | None = None
    purchase_lines: int | None = None
    configuration: dict[str, JsonValue] = {}
    metrics: dict[str, float] = {}
    shelves: dict[str, JsonValue] = {}
    popularity_because: str | None = None


class FileEntry(Document):
    """The description of one written file; `dtype` is `arrow` for a frame."""

    sha256: str
    dtype: str
    shape: tuple[int, ...]


class Manifest(About):
    """`manifest.json`."""

    format_version: int
    bundle: str
    files: dict[str, FileEntry]


def read_manifest(directory: Path) -> Manifest:
    """Read the manifest.

    Raises:
        MissingFileError, BadManifestError, UnknownVersionError: it is unusable.
    """
    try:
        document = json.loads((directory / MANIFEST).read_bytes())
        version = document["formatVersion"]
    except FileNotFoundError as error:
        raise MissingFileError(f"{directory.name} has no {MANIFEST}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise BadManifestError(f"{MANIFEST} is no manifest: {error}") from error
    if version != FORMAT_VERSION:
        raise UnknownVersionError(f"format version {version}, not {FORMAT_VERSION}")
    try:
        return Manifest.model_validate(document)
    except ValidationError as error:
        raise BadManifestError(f"{MANIFEST}: {error.errors()[0]['loc']}: {error.errors()[0]['msg']}") from error


def write_part(path: Path, part: Part) -> FileEntry:
    """Write and sync one array or frame."""
    if isinstance(part, pl.DataFrame):
        part.write_ipc(path)
        dtype, shape = "arrow", part.shape
    else:
        np.save(path, np.ascontiguousarray(part), allow_pickle=False)
        dtype, shape = str(part.dtype), part.shape
    sync(path)
    return FileEntry(sha256=_hash(path), dtype=dtype, shape=shape)


def read_parts(directory: Path, entries: dict[str, FileEntry]) -> tuple[dict[str, pl.DataFrame], dict[str, Array]]:
    """Map the frames and the arrays of a bundle read-only.

    Raises:
        MissingFileError, BrokenHashError, BadShapeError: a file does not match the manifest.
    """
    frames: dict[str, pl.DataFrame] = {}
    arrays: dict[str, Array] = {}
    for name, entry in entries.items():
        path = directory / name
        if not path.is_file():
            raise MissingFileError(f"{name} is missing")
        if _hash(path) != entry.sha256:
            raise BrokenHashError(f"{name} is not the file that was written")
        if entry.dtype == "arrow":
            frames[name] = pl.read_ipc(path)
            found: tuple[str, tuple[int, ...]] = ("arrow", frames[name].shape)
        else:
            # A plain view of the mapped pages: np.memmap's own indexing is several times slower.
            arrays[name] = np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))
            found = (str(arrays[name].dtype), arrays[name].shape)
        if found != (entry.dtype, entry.shape):
            raise BadShapeError(f"{name} is {found}, the manifest says {(entry.dtype, entry.shape)}")
    return frames, arrays


def sync(path: Path) -> None:
    """Sync a file or directory to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()
