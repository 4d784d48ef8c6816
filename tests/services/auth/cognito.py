"""A user pool of moto's server."""

from functools import cache

import boto3

from tests.moto import REGION, Moto

ANY_CODE = "123456"
"""moto sends none, takes every code but its own false ones, and verifies no address by one."""
WRONG_CODE = "moto-confirmation-code:123-456"


@cache
def client_of(url):
    return boto3.client("cognito-idp", region_name=REGION, endpoint_url=url)


def verify(settings, address, *, is_verified=True):
    """Say of an address whether it is verified."""
    client_of(settings.cognito_endpoint_url).admin_update_user_attributes(
        UserPoolId=settings.cognito_user_pool_id,
        Username=address,
        UserAttributes=[{"Name": "email_verified", "Value": str(is_verified).lower()}],
    )


class Cognito(Moto):
    """A server with user pools."""

    def new_pool(self):
        """The settings of a provider that uses a new pool."""
        client = client_of(self.url)
        verified = {"UsernameAttributes": ["email"], "AutoVerifiedAttributes": ["email"]}
        pool = client.create_user_pool(PoolName="shop", **verified)["UserPool"]["Id"]
        flows = ["ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]
        names = {"ClientName": "auth", "ExplicitAuthFlows": flows, "ReadAttributes": ["email", "email_verified"]}
        app = client.create_user_pool_client(UserPoolId=pool, **names)
        return {
            "provider": "cognito",
            "cognito_user_pool_id": pool,
            "cognito_client_id": app["UserPoolClient"]["ClientId"],
            "cognito_region": REGION,
            "cognito_endpoint_url": self.url,
        }
