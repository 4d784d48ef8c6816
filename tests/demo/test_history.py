"""The demo's history is made once for what is asked for, whenever its making was cut off."""

from unittest.mock import MagicMock, Mock

import polars as pl
import pytest

from demo import completejourney, history
from shop_import.folder import TABLES, Manifest, read_manifest, write_manifest
from stack.history import HistoryRecord


@pytest.fixture
def convert(state, monkeypatch):
    """Makes the history of so many users; its manifest is written last, and `cut_off` raises before or after that."""
    at = "2026-01-01T00:00:00Z"

    def make(folder, *, users, days):
        folder.mkdir(exist_ok=True)
        if state.cut_off == "before":
            raise KeyboardInterrupt
        pl.DataFrame(schema=TABLES["orders"]).write_parquet(folder / "orders.parquet")
        made = Manifest(name="x", currency="USD", last_event_at=at, users=users, days=days)
        write_manifest(folder, made)
        if state.cut_off == "after":
            raise KeyboardInterrupt
        return made

    monkeypatch.setattr(completejourney, "convert", Mock(side_effect=make))

    def run(users, cut_off=None):
        state.cut_off = cut_off
        return history.convert(state, users, None, MagicMock())

    return run


def as_sent(state):
    HistoryRecord.read(state.directory).model_copy(update={"is_sent": True}).write(state.directory)


def test_what_was_sent_is_not_made_again(state, convert):
    convert(200)
    as_sent(state)
    assert convert(200).is_sent


@pytest.mark.parametrize("cut_off", ["before", "after"])
@pytest.mark.parametrize("then", [None, 200])
def test_another_size_whose_making_was_cut_off_is_never_taken_for_what_was_sent(state, convert, cut_off, then):
    convert(200)
    as_sent(state)
    with pytest.raises(KeyboardInterrupt):
        convert(None, cut_off)
    record = convert(then)
    assert (record.users, record.is_sent) == (then, False)
    assert read_manifest(state.path("history")).users == then
