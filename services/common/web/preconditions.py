"""`If-Match` (RFC 9110): a change is made only to what its author has seen, so that no update is lost.

async def change(..., expected: IfMatch = None) -> None:
    if expected is not None:
        expected.check(tag(row.version))      # 412 if it has changed
    return tagged(ProductOut.model_validate(row), response)
"""

import re
from dataclasses import dataclass
from typing import Annotated, Protocol, TypeVar

from fastapi import Depends, Header, Response

from services.common.runtime.errors import Fault, PreconditionFailed, Unprocessable

LONGEST = 1_000
_TAGS = re.compile(r'\s*"[!#-~]*"\s*(,\s*"[!#-~]*"\s*)*')


def tag(*versions: int) -> str:
    """The entity tag of something with these versions."""
    return f'"{"-".join(map(str, versions))}"'


class Versioned(Protocol):
    """What has one version."""

    version: int


Shown = TypeVar("Shown", bound=Versioned)


def tagged(shown: Shown, response: Response) -> Shown:
    """What is answered, with its version as the entity tag."""
    response.headers["ETag"] = tag(shown.version)
    return shown


@dataclass(frozen=True)
class Expected:
    """The entity tags that a change may be based on."""

    tags: frozenset[str]

    def check(self, current: str, *, may_go_on: bool = False) -> None:
        """Compare with the tag of what is there; versions that a tag has behind that one's are passed over if it may.

        Raises:
            PreconditionFailed: it has changed.
        """
        begun = f"{current[:-1]}-"
        if current not in self.tags and not (may_go_on and any(each.startswith(begun) for each in self.tags)):
            raise PreconditionFailed("It has changed since its ETag was sent: read it again.")


async def _expected(
    if_match: Annotated[str | None, Header(max_length=LONGEST, examples=['"3-1"'])] = None,
) -> Expected | None:
    """The tags of the header; None if any will do."""
    if if_match is None or if_match.strip() == "*":
        return None
    if not _TAGS.fullmatch(if_match):
        fault = Fault(field="header.If-Match", message='Must be * or entity tags in double quotes, such as "3-1"')
        raise Unprocessable("This is no If-Match.", errors=[fault])
    return Expected(frozenset(each.strip() for each in if_match.split(",")))


IfMatch = Annotated[Expected | None, Depends(_expected)]
"""A parameter of this type has what a change is based on, or None."""
