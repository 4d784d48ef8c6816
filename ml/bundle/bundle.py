"""The bundle: one trained model set as an immutable directory of plain arrays with a manifest, and no pickles.

It contains everything that scoring needs, so that a reader needs neither the training code nor a database: candidate
lists per user and source, item-to-item neighbours, item factors, popularity, purchase history, the items, and the
views and carts of users at the data cut.
"""

import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Self

import numpy as np

from ml.bundle.champion import CHAMPION, Champion
from ml.bundle.check import BundleError, MissingFileError, UnwritableError, check
from ml.bundle.content import BundleContent, Float32, History, Int32, Ranked, from_files, to_files
from ml.bundle.files import (
    FORMAT_VERSION,
    MANIFEST,
    About,
    Manifest,
    read_manifest,
    read_parts,
    sync,
    write_part,
)

__all__ = [
    "CHAMPION",
    "About",
    "Bundle",
    "BundleContent",
    "BundleError",
    "Champion",
    "History",
    "Ranked",
    "check",
    "write",
]


@dataclass(frozen=True)
class Bundle:
    """An open bundle: arrays are mapped read-only, so that several processes share their pages."""

    manifest: Manifest
    content: BundleContent

    @classmethod
    def open(cls, directory: Path, sources: Iterable[str] = ()) -> Self:
        """Open and verify a bundle: version, hashes, shapes, values.

        Args:
            directory: written by `write`.
            sources: required candidate lists (`Rules.candidate_sources()`).

        Raises:
            BundleError: its subclass and `reason` say why it must not be served.
        """
        manifest = read_manifest(directory)
        try:
            content = from_files(*read_parts(directory, manifest.files))
        except KeyError as error:
            raise MissingFileError(f"the manifest names no {error.args[0]}") from error
        check(content, sources, is_popularity=manifest.popularity_because is not None)
        return cls(manifest, content)

    @cached_property
    def user_rows(self) -> dict[str, int]:
        """User id -> row."""
        return {user_id: row for row, user_id in enumerate(self.content.users["user_id"].to_list())}

    @cached_property
    def popular(self) -> list[int]:
        """Items with purchases, most popular first, ties by product id."""
        popularity, product_ids = self.content.popularity, self.content.items["product_id"].to_numpy()
        order = np.lexsort((product_ids, -popularity))
        ranked: list[int] = order[popularity[order] > 0].tolist()
        return ranked

    @cached_property
    def popular_by_category(self) -> dict[int, list[int]]:
        """Category id -> its items with purchases, most popular first."""
        categories = self.content.items["category_id"].to_list()
        ranked: dict[int, list[int]] = {}
        for item in self.popular:
            ranked.setdefault(categories[item], []).append(item)
        return ranked

    def candidates(self, source: str, user_id: str) -> tuple[Int32, Float32]:
        """The user's items of `source` with their scores, best first; empty for an unknown user."""
        ranked, row = self.content.candidates[source], self.user_rows.get(user_id)
        if row is None:
            return ranked.items[0, :0], ranked.scores[0, :0]
        items = ranked.items[row]
        end = items.size if not items.size or items[-1] >= 0 else int((items >= 0).sum())
        return items[:end], ranked.scores[row, :end]

    def bought(self, user_id: str) -> slice:
        """The user's slice of `content.history`; empty for an unknown user."""
        row = self.user_rows.get(user_id)
        indptr = self.content.history.indptr
        return slice(0, 0) if row is None else slice(int(indptr[row]), int(indptr[row + 1]))


def write(directory: Path, content: BundleContent, about: About) -> Manifest:
    """Write a bundle atomically: it is complete and synced before it gets its name, which is the bundle's id.

    Raises:
        BundleError: the content must not be served (see `check`), or the disk is full.
        FileExistsError: the directory exists; bundles are immutable.
    """
    check(content, is_popularity=about.popularity_because is not None)
    if directory.exists():
        raise FileExistsError(directory)
    directory.parent.mkdir(parents=True, exist_ok=True)
    temporary = directory.with_name(f".{directory.name}.{os.getpid()}")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir()
    try:
        files = {name: write_part(temporary / name, part) for name, part in to_files(content).items()}
        manifest = Manifest(
            **about.model_dump(include=set(About.model_fields)),
            format_version=FORMAT_VERSION,
            bundle=directory.name,
            files=files,
        )
        manifest.write(temporary / MANIFEST)
        temporary.rename(directory)
    except OSError as error:
        raise UnwritableError(f"{directory.parent}: {error}") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    sync(directory.parent)
    return manifest
