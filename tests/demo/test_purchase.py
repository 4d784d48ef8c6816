"""The demo's shopper buys at the first run that gets so far, and at no later one."""

from unittest.mock import MagicMock, Mock

import pytest

from demo import purchase
from stack.history import HistoryRecord


@pytest.fixture
def run(state, monkeypatch):
    """A run of the demo's purchase, that of the record of its state; whether it bought."""
    buying = Mock(return_value={"orders": 1})
    monkeypatch.setattr(purchase, "buy_and_return", buying)
    HistoryRecord(shift_weeks=3).write(state.directory)

    def runs(error=None):
        buying.reset_mock()
        buying.side_effect = error
        purchase.buy_once(Mock(state=state), HistoryRecord.read(state.directory), MagicMock())
        return buying.called

    return runs


def test_what_was_bought_is_not_bought_again(run):
    assert [run(), run()] == [True, False]


def test_a_purchase_that_broke_off_is_made_by_the_next_run(run):
    with pytest.raises(KeyboardInterrupt):
        run(KeyboardInterrupt)
    assert run()
