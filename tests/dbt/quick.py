"""What dbt does in each run of a test's process for nothing that a test sees: together more than a third of a build."""

from functools import cache
from typing import Any

import parsedatetime
import pytest
from dbt_common.events.base_types import BaseEvent, EventLevel
from dbt_common.events.event_manager import EventManager


def leave_out_what_nobody_sees(patch: pytest.MonkeyPatch) -> None:
    """Make dbt quick until the patch is taken back."""
    _name_flags_at_once(patch)
    _make_calendars_once(patch)
    _write_no_details(patch)


def _name_flags_at_once(patch: pytest.MonkeyPatch) -> None:
    """For the name of who registers a flag dbt goes through all modules of the process, at each flag.

    In a process that has imported all tests, that is most of a run's time.
    """
    patch.setattr("dbt_common.behavior_flags.BehaviorFlagRendered._default_source", staticmethod(lambda: "dbt"))


def _make_calendars_once(patch: pytest.MonkeyPatch) -> None:
    """For each answer of the database dbt makes anew what it would read dates in texts with, several times."""
    patch.setattr("parsedatetime.Constants", cache(parsedatetime.Constants))


def _write_no_details(patch: pytest.MonkeyPatch) -> None:
    """Each line of its debugging is written, and only then left out because of `--quiet`."""
    fire = EventManager.fire_event

    def fire_event(manager: EventManager, event: BaseEvent, level: EventLevel | None = None, **more: Any) -> None:
        if (level or event.level_tag()) is not EventLevel.DEBUG:
            fire(manager, event, level, **more)

    patch.setattr(EventManager, "fire_event", fire_event)
