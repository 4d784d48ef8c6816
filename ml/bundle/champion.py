"""The bundle and the generation of shelves in use, and the previous pair."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Self

from pydantic import ValidationError

from ml.bundle.check import BadManifestError
from ml.bundle.files import Document

CHAMPION: Final = "champion.json"


class ChampionChangedError(Exception):
    """Another process has changed the champion in the meantime; nothing was written."""


class Champion(Document):
    """`champion.json` in the bundles directory: the bundle in use with its generation, and the previous pair.

    A bundle and the generation built from it belong together. `generation` is None until one of the bundle is shown.
    """

    bundle: str
    previous: str | None = None
    generation: str | None = None
    previous_generation: str | None = None

    @classmethod
    def after(cls, former: Self | None, bundle: str) -> Self:
        """A new bundle that replaces the former champion, whose pair can be restored."""
        if former is None:
            return cls(bundle=bundle)
        if former.generation is None:  # its shelves were never shown: a rollback restores the pair before it
            return former.model_copy(update={"bundle": bundle})
        return cls(bundle=bundle, previous=former.bundle, previous_generation=former.generation)

    def with_generation(self, generation: str) -> Self:
        """The same bundle with another generation."""
        return self.model_copy(update={"generation": generation})

    def rolled_back(self) -> Self | None:
        """The two pairs exchanged, so that a second rollback undoes the first; None if there is no previous pair."""
        if self.previous is None or self.previous_generation is None:
            return None
        return type(self)(
            bundle=self.previous,
            generation=self.previous_generation,
            previous=self.bundle,
            previous_generation=self.generation,
        )

    def put(self, bundles: Path) -> None:
        """Make this the champion in the directory `bundles`, atomically."""
        self.write(bundles / CHAMPION)

    @classmethod
    @contextmanager
    def held(cls, former: Self | None, bundles: Path) -> Iterator[None]:
        """Hold the lock for changes of the champion and its shelves, while `former` is the champion.

        Raises:
            ChampionChangedError: it is no longer the champion.
        """
        with (bundles / f".{CHAMPION}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            found = cls.read(bundles)
            if found != former:
                raise ChampionChangedError(f"{CHAMPION} names {found} by now, not {former}")
            yield

    def replace(self, former: Self | None, bundles: Path) -> None:
        """Make this the champion if `former` still is.

        Raises:
            ChampionChangedError: it is not.
        """
        with self.held(former, bundles):
            self.put(bundles)

    @classmethod
    def read(cls, bundles: Path) -> Self | None:
        """The champion in the directory `bundles`, or None if there is none yet.

        Raises:
            BadManifestError: the file is invalid.
        """
        try:
            return cls.model_validate_json((bundles / CHAMPION).read_bytes())
        except FileNotFoundError:
            return None
        except ValidationError as error:
            raise BadManifestError(f"{CHAMPION}: {error.errors()[0]['msg']}") from error
