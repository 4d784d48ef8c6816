"""Which passwords are accepted, by NIST SP 800-63B-4, section 3.1.1.2, and their argon2id hashes.

Length counts, composition does not. Every character is allowed; a password is compared and hashed in the form NFKC, so
that it does not matter which keyboard or input method it came from.
"""

import asyncio
import os
import re
import secrets
import threading
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from argon2 import Parameters, PasswordHasher, Type
from argon2.exceptions import VerificationError
from argon2.profiles import RFC_9106_LOW_MEMORY
from zxcvbn.frequency_lists import FREQUENCY_LISTS

from services.common.runtime.errors import Fault, Unavailable, Unprocessable

LONGEST: Final = 128
COMMON: Final = frozenset(FREQUENCY_LISTS["passwords"])
CONTEXT: Final = frozenset({"tanawari", "password"})
SHORTEST_WORD: Final = 4
_REPEATED: Final = re.compile(r"(.+?)\1+", re.DOTALL)
_PADDING: Final = "0123456789!?.,-_ "
MOST_WAITING: Final = 40
"""How many hashes may wait for a thread; more are refused at once, because they would wait for seconds."""
NICENESS: Final = 10
OWASP: Final = Parameters(Type.ID, 19, salt_len=16, hash_len=32, time_cost=2, memory_cost=19 * 1024, parallelism=1)
COSTS: Final = {"rfc9106": RFC_9106_LOW_MEMORY, "owasp": OWASP}
"""The second recommendation of RFC 9106, and the least that OWASP recommends, which takes a seventh of its time."""
Answer = TypeVar("Answer")


class PasswordRefused(Unprocessable):
    """The password is too short, or easily guessed."""

    title = "Password refused"

    def __init__(self, message: str, field: str) -> None:
        super().__init__("Choose another password.", errors=[Fault(field=f"body.{field}", message=message)])


def accepted(password: str, email: str, *, shortest: int, field: str = "password") -> str:
    """The password in the form in which it is hashed.

    Raises:
        PasswordRefused: it is too short, or one that is tried first.
    """
    found = normalised(password)
    if min(len(found), len(password)) < shortest:  # NFKC makes 18 characters of one that it knows
        raise PasswordRefused(f"must have at least {shortest} characters", field)
    if _is_guessed(found.casefold(), email.casefold()):
        raise PasswordRefused("is a common password, or your address", field)
    return found


def normalised(password: str) -> str:
    """The same text for all ways of typing it."""
    return unicodedata.normalize("NFKC", password)


def _is_guessed(password: str, email: str) -> bool:
    """Whether it is a common word, alone, repeated, or with digits and marks around it."""
    words = CONTEXT | {email, email.partition("@")[0]}
    forms = {password, password.strip(_PADDING)}
    forms |= {repeated[1] for form in forms if (repeated := _REPEATED.fullmatch(form))}
    return any(len(form) < SHORTEST_WORD or form in COMMON or form in words for form in forms)


class TooBusy(Unavailable):
    """More passwords wait to be checked than can be in a few seconds."""

    title = "Too busy"


class Hasher:
    """Hashes passwords in a few threads of a lower priority, so that other requests do not wait for them.

    An unknown account's password is compared with a hash of nobody's: that takes as long as a known one's.
    """

    def __init__(self, threads: int, cost: str) -> None:
        self._argon2 = PasswordHasher.from_parameters(COSTS[cost])
        self._pool = ThreadPoolExecutor(threads, "argon2", initializer=_step_back)
        self._waiting = 0
        self._nobodys = self._argon2.hash(secrets.token_urlsafe())

    async def hash(self, password: str) -> str:
        """The hash of an accepted password."""
        return await self._in_pool(self._argon2.hash, password)

    async def is_right(self, password: str, stored: str | None) -> bool:
        """Whether the password is the one of the hash; never, where there is none."""
        return await self._in_pool(self._compare, stored or self._nobodys, password) and stored is not None

    def is_outdated(self, stored: str) -> bool:
        """Whether a hash was made at another cost than the present one."""
        return self._argon2.check_needs_rehash(stored)

    def close(self) -> None:
        """End the threads."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _compare(self, stored: str, password: str) -> bool:
        try:
            return self._argon2.verify(stored, password)
        except VerificationError:
            return False

    async def _in_pool(self, call: Callable[..., Answer], *arguments: str) -> Answer:
        if self._waiting >= MOST_WAITING:
            raise TooBusy("Too many logins at once; try again.")
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, call, *arguments)
        finally:
            self._waiting -= 1


def _step_back() -> None:
    """Lower the priority of this thread; argon2's own threads inherit it. Only Linux has priorities of threads."""
    if hasattr(os, "setpriority") and os.uname().sysname == "Linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
