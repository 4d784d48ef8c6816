"""A shop's files written by a test, and what taking them in makes of them."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from shop_import.checking import look_at
from shop_import.findings import Findings
from shop_import.folder import read_table
from shop_import.intake import History
from shop_import.mapping import Mapping, Shop

NOW = datetime(2026, 11, 25, tzinfo=UTC)
ITEMS = "item_id,name,price,category_id\nT1,Green tea,500,Tea > Green\nT2,Black tea,400,Tea > Black\n"
ORDERS = "order_id,user_id,ordered_at,item_id,quantity,price\n"


@dataclass
class Outcome:
    """What became of an import."""

    findings: Findings
    folder: Path | None

    def table(self, name: str) -> pl.DataFrame:
        """A table of the import folder."""
        assert self.folder, self.findings.lines()
        return read_table(self.folder, name)

    @property
    def faults(self) -> list[tuple[str, int, str, str]]:
        """(file, row, column, fault) of the bad values that stand in the report."""
        return sorted(
            (bad.file, bad.row, bad.column, bad.fault.name)
            for examples in self.findings.examples.values()
            for bad in examples
        )


@pytest.fixture
def take_in(tmp_path):
    """A factory: files by name, as text or bytes, taken in one import after the other."""
    history = History(tmp_path / "the shop's history")
    imports = iter(range(1000))

    def run(files, *, currency="JPY", timezone="Asia/Tokyo", skip_bad=False, **mapping):
        folder = tmp_path / f"the shop's {next(imports)}"
        folder.mkdir()
        for name, content in files.items():
            (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
        report = tmp_path / "report"
        report.mkdir(exist_ok=True)
        shop = Shop(name="Shop", timezone=timezone, currency=currency)
        looked_at = look_at(folder, Mapping.model_validate(mapping), shop, now=NOW)
        findings = Findings(report)
        manifest = history.take_in(looked_at, findings, lambda _: None, skip_bad=skip_bad, keep=True)
        return Outcome(findings, history.folders[-1] if manifest else None)

    return run
