"""The docs and the help use the field's words; a name that was retired does not come back."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from cli.command import tanawari

ROOT = Path(__file__).parents[2]
PAGES = [*ROOT.glob("docs/**/*.md"), ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
RETIRED = {
    r"short[ _]?way": "fast path",
    r"(long|quick|careful) way": "slow path, fast path",
    r"reckon\w*": "reconciliation",
    r"recollection": "ranking cache",
    r"(?<!dead )(?<!dead-)(?<!dead_)letters?": "dead letter",
    r"(is|are|was|were) away": "unavailable",
    r"not well": "unhealthy",
    r"(begins?|began) anew": "restarted, recreated",
    r"tether\w*": "the process's parent",
    r"(gives?|gave|given) up": "fails, closes, writes a dead letter",
}
"""What is no longer said, and what is said instead."""


def retired_in(text: str) -> set[str]:
    """The retired names in a text, however its lines are broken."""
    one_line = " ".join(text.split())
    return {found.group() for name in RETIRED for found in re.finditer(rf"\b{name}\b", one_line, re.IGNORECASE)}


def helps() -> Iterator[tuple[str, str]]:
    """Each command's name with all that `--help` says of it."""
    waiting = [typer.main.get_command(tanawari())]
    for command in waiting:
        waiting += getattr(command, "commands", {}).values()
        options = (getattr(option, "help", None) or "" for option in command.params)
        yield command.name or "tanawari", "\n".join([command.help or "", *options])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_page_uses_no_retired_name(page):
    assert retired_in(page.read_text()) == set()


@pytest.mark.parametrize(("command", "text"), list(helps()))
def test_the_help_uses_no_retired_name(command, text):
    assert retired_in(text) == set(), command


def test_a_retired_name_is_found_across_lines_and_a_dead_letter_is_none():
    assert retired_in("the Short\n  way of all letters") == {"Short way", "letters"}
    assert retired_in("a dead\nletter, dead-letters and `dead_letters`") == set()
