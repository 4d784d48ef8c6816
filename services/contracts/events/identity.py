"""Who a shopper is: `auth.v1` and `profile.v1`."""

from typing import Annotated

from pydantic import Field

from services.contracts.envelope import PII, Contract, Text, UserId

Email = Annotated[Text, Field(json_schema_extra=PII)]


class UserAuthenticated(Contract):
    """USER_AUTHENTICATED, USER_REGISTERED."""

    user_id: UserId
    email: Email
    cognito_id: Text | None = None


class UserProfileCreated(Contract):
    """USER_PROFILE_CREATED."""

    user_id: UserId
    display_name: Annotated[Text | None, Field(json_schema_extra=PII)] = None
    email: Email


class UserDeleted(Contract):
    """USER_DELETED: the user is to be forgotten everywhere."""

    user_id: UserId
