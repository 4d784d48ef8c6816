"""Amazon Cognito as the identity provider: a user pool whose users sign in by email, and which sends its own codes.

What changes an account later (another address, disabled, deleted) is a task: it is done once our transaction has been
committed, and repeated until Cognito has done it. A user whom the pool knows and we do not is made at the first login.
"""

# ruff: noqa: ARG002 - Cognito needs no transaction of ours

import asyncio
import logging
from collections.abc import Awaitable, Callable, Container, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Final

import boto3
import jwt
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from sqlalchemy.ext.asyncio import AsyncSession

from services.auth.models import Task
from services.auth.passwords import PasswordRefused
from services.auth.provider import Account, CodeRefused, WrongCredentials
from services.auth.settings import AuthSettings
from services.common.runtime.errors import Unavailable

logger = logging.getLogger(__name__)
THREADS: Final = 16
MOST_SECONDS: Final = 8.0
TIMES: Final = Config(connect_timeout=2, read_timeout=3, retries={"mode": "standard", "total_max_attempts": 2})
NOBODY: Final = frozenset(
    {
        "NotAuthorizedException",
        "UserNotFoundException",
        "UserNotConfirmedException",
        "PasswordResetRequiredException",
    }
)
BAD_CODE: Final = NOBODY | {"CodeMismatchException", "ExpiredCodeException", "AliasExistsException"}
ENABLE, DISABLE, DELETE, CHANGE_ADDRESS = "cognito-enable", "cognito-disable", "cognito-delete", "cognito-address"
RESEND: Final = "cognito-resend"
CALLS: Final = {
    RESEND: "resend_confirmation_code",
    ENABLE: "admin_enable_user",
    DISABLE: "admin_disable_user",
    DELETE: "admin_delete_user",
    CHANGE_ADDRESS: "admin_update_user_attributes",
}


class _Anything:
    """Contains everything: where a code is asked for, no refusal is told, for it may tell that the address is known."""

    def __contains__(self, _: object) -> bool:
        return True


class CognitoProvider:
    """Calls Cognito in threads of its own."""

    def __init__(self, settings: AuthSettings) -> None:
        self._pool = {"UserPoolId": settings.cognito_user_pool_id}
        self._app = {"ClientId": settings.cognito_client_id}
        self._threads = ThreadPoolExecutor(THREADS, "cognito")
        self._client: Any = boto3.client(
            "cognito-idp",
            region_name=settings.cognito_region,
            endpoint_url=settings.cognito_endpoint_url,
            config=TIMES,
        )

    @property
    def tasks(self) -> Mapping[str, Callable[[Task], Awaitable[None]]]:
        """What it does for tasks, by their kinds."""
        return dict.fromkeys(CALLS, self._do)

    async def sign_up(self, session: AsyncSession, email: str, password: str) -> None:
        """Create an account; one that is not confirmed yet gets another code after the answer, which tells nothing."""
        given = {"Username": email, "Password": password, "UserAttributes": [{"Name": "email", "Value": email}]}
        if await self._call("sign_up", {**self._app, **given}, {"UsernameExistsException"}) is None:
            session.add(Task(kind=RESEND, email=email))

    async def confirm(self, session: AsyncSession, email: str, code: str) -> Account:
        """Confirm an account."""
        given = {"Username": email, "ConfirmationCode": code}
        if await self._call("confirm_sign_up", {**self._app, **given}, BAD_CODE) is None:
            raise CodeRefused
        return await self._account(email)

    async def sign_in(self, email: str, password: str) -> Account:
        """Sign in; a pool that asks for a second factor is not supported."""
        result = await self._signed_in(email, password)
        claims = jwt.decode(result["IdToken"], options={"verify_signature": False})  # from Cognito itself, by TLS
        if not _is_verified(claims):
            raise WrongCredentials
        return Account(claims["sub"], claims["email"], is_cognito=True, refresh_token=result["RefreshToken"])

    async def renew(self, refresh_token: str | None) -> str | None:
        """Use Cognito's refresh token: a pool may replace it at each use."""
        if refresh_token is None:
            return None
        result = await self._initiate("REFRESH_TOKEN_AUTH", {"REFRESH_TOKEN": refresh_token})
        return str(result.get("RefreshToken", refresh_token))

    async def change_password(self, session: AsyncSession, email: str, current: str, new: str) -> None:
        """Sign in, and change the password."""
        token = (await self._signed_in(email, current))["AccessToken"]
        given = {"AccessToken": token, "PreviousPassword": current, "ProposedPassword": new}
        await self._call("change_password", given)

    async def ask_reset(self, session: AsyncSession, email: str) -> None:
        """Let Cognito send a code."""
        await self._call("forgot_password", {**self._app, "Username": email}, _Anything())

    async def reset(self, session: AsyncSession, email: str, code: str, password: str) -> Account:
        """Reset the password."""
        given = {"Username": email, "ConfirmationCode": code, "Password": password}
        if await self._call("confirm_forgot_password", {**self._app, **given}, BAD_CODE) is None:
            raise CodeRefused
        return await self._account(email)

    async def change_email(self, session: AsyncSession, subject: str, email: str) -> None:
        """Leave it to a task."""
        session.add(Task(kind=CHANGE_ADDRESS, subject=subject, email=email))

    async def enable(self, session: AsyncSession, subject: str, *, is_enabled: bool) -> None:
        """Leave it to a task; our own status counts at once."""
        session.add(Task(kind=ENABLE if is_enabled else DISABLE, subject=subject))

    async def delete(self, session: AsyncSession, subject: str) -> None:
        """Leave it to a task."""
        session.add(Task(kind=DELETE, subject=subject))

    async def close(self) -> None:
        """End the threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._client.close()

    async def _do(self, task: Task) -> None:
        """Do a task; an account that the pool does not have needs nothing."""
        if task.kind == RESEND:
            await self._call(CALLS[RESEND], {**self._app, "Username": task.email}, _Anything())
            return
        given: dict[str, Any] = {**self._pool, "Username": task.subject}
        if task.kind == CHANGE_ADDRESS:
            verified = [{"Name": "email", "Value": task.email}, {"Name": "email_verified", "Value": "true"}]
            given["UserAttributes"] = verified
        await self._call(CALLS[task.kind], given, {"UserNotFoundException"})

    async def _account(self, email: str) -> Account:
        user = await self._call("admin_get_user", {**self._pool, "Username": email})
        told = {each["Name"]: each["Value"] for each in user["UserAttributes"]}
        if not _is_verified(told):  # the code may have gone to a phone
            raise CodeRefused
        return Account(told["sub"], told["email"], is_cognito=True)

    async def _signed_in(self, email: str, password: str) -> dict[str, Any]:
        return await self._initiate("USER_PASSWORD_AUTH", {"USERNAME": email, "PASSWORD": password})

    async def _initiate(self, flow: str, parameters: dict[str, str]) -> dict[str, Any]:
        """The tokens; raises WrongCredentials."""
        given = {"AuthFlow": flow, "AuthParameters": parameters}
        answer = await self._call("initiate_auth", {**self._app, **given}, NOBODY)
        if answer is None:
            raise WrongCredentials
        if "AuthenticationResult" not in answer:
            logger.warning("Cognito asks for more than a password: %s", answer.get("ChallengeName"))
            raise WrongCredentials
        return dict(answer["AuthenticationResult"])

    async def _call(self, name: str, given: dict[str, Any], expected: Container[str] = ()) -> Any:  # noqa: ANN401
        """Cognito's answer; None if it refuses for an expected reason.

        Raises:
            PasswordRefused: by the pool's own policy.
            Unavailable: Cognito is away, slow, or refuses for another reason.
        """
        call = partial(getattr(self._client, name), **given)
        try:
            async with asyncio.timeout(MOST_SECONDS):
                return await asyncio.get_running_loop().run_in_executor(self._threads, call)
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "")
            if code in expected:
                return None
            if code == "InvalidPasswordException":
                raise PasswordRefused("does not conform to the policy of the user pool", "password") from error
            logger.warning("Cognito refused %s: %s", name, code)
            raise Unavailable("The identity provider does not answer as it should.") from error
        except (BotoCoreError, TimeoutError, OSError) as error:
            raise Unavailable("The identity provider is not reachable.") from error


def _is_verified(told: Mapping[str, Any]) -> bool:
    """Whether the user's address is known to be the user's: it names the user here."""
    is_verified = "email" in told and str(told.get("email_verified")).lower() == "true"
    if not is_verified:
        logger.warning("a user of the pool has no verified address, or the app client may not read it")
    return is_verified
