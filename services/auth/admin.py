"""Makes a user an administrator, in the database of `AUTH_DATABASE_URL`.

    python -m services.auth.admin hana@example.com

Where no user has the address, one is made, without a password: its owner resets the password at the storefront.
"""

import argparse
import asyncio
import os

from pydantic import TypeAdapter, ValidationError

from services.auth import users
from services.auth.addresses import EmailAddress
from services.auth.administration import ADMIN, give_role
from services.common.storage.database import Database
from services.contracts.setting_errors import SettingError, ends_in_a_line
from services.contracts.settings import resolved


async def make_admin(database: Database, email: str) -> str:
    """The id of the user who has this address, and who is an administrator now."""
    async with database.sessions.begin() as session:
        user = await users.of_address(session, email)
        await give_role(session, user.id, ADMIN)
        return user.id


async def _run(url: str, email: str) -> str:
    database = Database(url)
    try:
        return await make_admin(database, email)
    finally:
        await database.close()


@ends_in_a_line()
def main() -> None:
    """Make the user named on the command line an administrator."""
    parser = argparse.ArgumentParser(prog="python -m services.auth.admin")
    parser.add_argument("email")
    arguments = parser.parse_args()
    try:
        email = TypeAdapter(EmailAddress).validate_python(arguments.email)
    except ValidationError as error:
        parser.error(error.errors()[0]["msg"])
    url = resolved(os.environ).get("AUTH_DATABASE_URL")
    if not url:
        raise SettingError("AUTH_DATABASE_URL is not set")
    user_id = asyncio.run(_run(url, email))
    print(f"{email} ({user_id}) is an administrator. Without a password, reset it at the storefront.")  # noqa: T201


if __name__ == "__main__":
    main()
