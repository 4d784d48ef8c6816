"""What tests want of the machine beside Python."""

import os

import pytest


def require(reason: str) -> None:
    """Skip a test for what this machine lacks, or fail where all is required."""
    pytest.fail(reason) if os.environ.get("TANAWARI_REQUIRE_ALL") == "1" else pytest.skip(reason)
