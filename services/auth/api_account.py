"""What users do with their own accounts: password, address, deletion."""

from typing import Annotated

from services.auth import account
from services.auth.api import LIMITED
from services.auth.client import Network
from services.auth.parts import PartsOf
from services.auth.schemas import Address, Confirmation, Credentials, OwnPassword, PasswordChange, PasswordReset
from services.common.identity.policy import PUBLIC, USER
from services.common.identity.tokens import Principal
from services.common.runtime.errors import problems
from services.common.storage.database import Session
from services.common.web.routing import Router

router = Router(tags=["account"])
Caller = Annotated[Principal, USER]


@router.put("/v1/auth/password", status_code=204, **LIMITED)
async def change_password(
    body: PasswordChange, caller: Caller, parts: PartsOf, session: Session, network: Network
) -> None:
    """Change the password; all sessions end, this one too."""
    user_id, current, new = caller.subject, body.current_password, body.new_password
    await account.change_password(parts, session, user_id, current, new, network=network)


@router.post("/v1/auth/password-resets", status_code=202, dependencies=[PUBLIC], **LIMITED)
async def ask_password_reset(body: Address, parts: PartsOf, session: Session, network: Network) -> None:
    """Ask for a new password. The address gets a mail with a code, if it is known; the answer does not say."""
    await account.ask_reset(parts, session, body.email, network)


@router.post("/v1/auth/password-resets/confirm", status_code=204, dependencies=[PUBLIC], responses=problems(403, 429))
async def reset_password(body: PasswordReset, parts: PartsOf, session: Session, network: Network) -> None:
    """Set a new password by the code; all sessions end."""
    await account.reset_password(parts, session, body.email, body.code, body.new_password, network=network)


@router.post("/v1/auth/email-changes", status_code=202, **LIMITED)
async def ask_email_change(
    body: Credentials, caller: Caller, parts: PartsOf, session: Session, network: Network
) -> None:
    """Ask for another address. The new one gets a mail with a code, unless it is another user's."""
    await account.ask_email_change(parts, session, caller.subject, body.email, body.password, network=network)


@router.post(
    "/v1/auth/email-changes/confirm", status_code=204, dependencies=[PUBLIC], responses=problems(403, 409, 429)
)
async def confirm_email_change(body: Confirmation, parts: PartsOf, session: Session, network: Network) -> None:
    """Confirm the new address by its code: the user has it from now on."""
    await account.change_email(parts, session, body.email, body.code, network)


@router.delete("/v1/auth/users/me", status_code=202, **LIMITED)
async def delete_account(body: OwnPassword, caller: Caller, parts: PartsOf, session: Session, network: Network) -> None:
    """Delete the account, here at once and in all services by event."""
    await account.delete_account(parts, session, caller.subject, body.password, network)
