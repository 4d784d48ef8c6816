"""Which bundle and which generation of shelves are in use, and which were before."""

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
    """Somebody else has changed the champion in the meantime; nothing was written."""


class Champion(Document):
    """`champion.json` in the folder of bundles: the bundle in use with its generation, and the pair before them.

    A bundle and the generation made of it belong together. `generation` is None until one of the bundle's is shown.
    """

    bundle: str
    previous: str | None = None
    generation: str | None = None
    previous_generation: str | None = None

    @classmethod
    def after(cls, former: Self | None, bundle: str) -> Self:
        """A new bundle in the former champion's place, whose pair can be put back."""
        if former is None:
            return cls(bundle=bundle)
        if former.generation is None:  # its shelves were never shown: going back leads to the pair before it
            return former.model_copy(update={"bundle": bundle})
        return cls(bundle=bundle, previous=former.bundle, previous_generation=former.generation)

    def showing(self, generation: str) -> Self:
        """The same bundle with another generation of it."""
        return self.model_copy(update={"generation": generation})

    def rolled_back(self) -> Self | None:
        """The pairs in each other's place, so that twice is where it began; None if no pair was shown before."""
        if self.previous is None or self.previous_generation is None:
            return None
        return type(self)(
            bundle=self.previous,
            generation=self.previous_generation,
            previous=self.bundle,
            previous_generation=self.generation,
        )

    def put(self, bundles: Path) -> None:
        """Make this the champion of the folder `bundles`, in one step."""
        self.write(bundles / CHAMPION)

    @classmethod
    @contextmanager
    def held(cls, former: Self | None, bundles: Path) -> Iterator[None]:
        """While `former` is the champion, hold the one lock of whoever changes it or what content shows of it.

        Raises:
            ChampionChangedError: it is the champion no more.
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
        """The champion named in the folder `bundles`, or None if there is none yet.

        Raises:
            BadManifestError: the file is not a champion's.
        """
        try:
            return cls.model_validate_json((bundles / CHAMPION).read_bytes())
        except FileNotFoundError:
            return None
        except ValidationError as error:
            raise BadManifestError(f"{CHAMPION}: {error.errors()[0]['msg']}") from error
