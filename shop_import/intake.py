"""Turns a shop's folder into an import folder of the state, or into a report of its faults."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from shop_import import relations
from shop_import.checking import Progress, ShopFolder
from shop_import.conversion import convert
from shop_import.findings import Findings
from shop_import.folder import Manifest

DRAFT = "draft"


@dataclass(frozen=True)
class History:
    """The import folders of a shop in a state, numbered in order of arrival."""

    directory: Path

    @property
    def folders(self) -> list[Path]:
        """The complete ones."""
        return sorted(file.parent for file in self.directory.glob("[0-9]*/import.yaml"))

    def take_in(
        self, shop: ShopFolder, findings: Findings, progress: Progress, *, skip_bad: bool, keep: bool
    ) -> Manifest | None:
        """Check a shop's folder, and convert it if it is valid.

        Args:
            shop: the inspected folder.
            findings: receives the faults, and is written.
            progress: receives the number of rows read.
            skip_bad: whether to skip bad rows instead of failing.
            keep: whether to keep the import folder, or only check.

        Returns:
            The manifest; None if rows are bad.
        """
        self.directory.mkdir(parents=True, exist_ok=True)
        self.directory.chmod(0o700)  # it holds what customers did
        draft = self.directory / DRAFT
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir()
        try:
            with findings:
                manifest = self._convert(shop, draft, findings, progress, skip_bad=skip_bad)
                findings.write()
            if manifest and keep:
                (draft / "made").rename(self.directory / f"{len(self.folders) + 1:04}")
            return manifest
        finally:
            shutil.rmtree(draft, ignore_errors=True)

    def _convert(
        self, shop: ShopFolder, draft: Path, findings: Findings, progress: Progress, *, skip_bad: bool
    ) -> Manifest | None:
        shop.stage(draft, findings, progress)
        repeated = shop.mapping.items.repeated
        with relations.opened(draft, self.folders, shop.shop.minor_digits) as connection:
            relations.check(connection, list(shop.sources), repeated, findings)
            findings.notes += _notes(shop, findings)
            if not findings.is_clean and not skip_bad:
                return None
            has_items, last = "items" in shop.sources, repeated == "last"
            return convert(connection, draft / "made", shop, findings, has_items=has_items, takes_last=last)


def _notes(shop: ShopFolder, findings: Findings) -> list[str]:
    """The assumptions that were made."""
    places, zone = shop.places.get("items", {}), shop.shop.timezone
    constants = shop.mapping.items.constants
    notes = [f"amounts are in {shop.shop.currency}; times without an offset are in {zone}"]
    if "items" not in shop.sources:
        notes.append("there is no items file: a new item becomes a product named by its id")
    elif "stock" not in {*places, *constants}:
        notes.append("the items have no stock: using 1,000 each")
    if skipped := findings.counts["times_in_a_skipped_hour"]:
        notes.append(f"times in an hour that {zone} skips (daylight saving), moved one hour later: {skipped:,}")
    if twice := findings.counts["times_in_a_repeated_hour"]:
        notes.append(f"times in an hour that occurs twice in {zone}, taken as the first: {twice:,}")
    return notes
