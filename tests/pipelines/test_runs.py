"""Runs of dbt, as a process finds them."""

import pytest

from pipelines.runs import RefusedError, taken_over


@pytest.mark.timeout(60)
def test_a_run_that_may_not_wait_is_refused_at_once(warehouse):
    with (
        taken_over(warehouse.dbt, 0),
        pytest.raises(RefusedError, match="one run at a time"),
        taken_over(warehouse.dbt, 0),
    ):
        pass
