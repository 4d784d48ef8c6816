"""Reads the mails that auth writes into a folder."""

import email
from email.policy import default
from urllib.parse import parse_qs

from tests.waiting import eventually

SHOP = "https://shop.example"


class Mails:
    """The mails in the folder."""

    def __init__(self, folder):
        self._folder = folder

    def all(self, address):
        """The mails to an address, in the order in which they were sent."""
        found = [
            email.message_from_bytes(file.read_bytes(), policy=default) for file in sorted(self._folder.glob("*.eml"))
        ]
        return [each for each in found if each["To"] == address]

    async def text(self, address, count=1):
        """The text of the mail of that number to an address, once it has been sent."""
        mails = await eventually(lambda: self.all(address), lambda found: len(found) >= count)
        return mails[count - 1].get_content()

    async def code(self, address, count=1):
        """The code in the link of that mail."""
        text = await self.text(address, count)
        link = next(line for line in text.splitlines() if line.startswith(f"{SHOP}/account/"))
        fragment = parse_qs(link.partition("#")[2])
        assert fragment["email"] == [address]
        return fragment["code"][0]
