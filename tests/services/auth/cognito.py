"""A user pool of moto's server: Amazon Cognito's API over HTTP, as a process of its own."""

import sys
import urllib.request
from pathlib import Path

import boto3

from stack.parts.process import HOST, Process, free_port

REGION = "eu-west-1"
ANY_CODE = "123456"
"""moto sends none, and takes every code."""


class Cognito(Process):
    """moto's server."""

    def __init__(self, directory):
        self.port = free_port()
        self.url = f"http://{HOST}:{self.port}"
        command = [str(Path(sys.executable).with_name("moto_server")), "-H", HOST, "-p", str(self.port)]
        super().__init__("moto", command, directory / "moto.log", is_ready=self._answers)

    def _answers(self):
        return urllib.request.urlopen(f"{self.url}/moto-api/").status == 200

    def new_pool(self):
        """The settings of a provider that uses a new pool."""
        client = boto3.client("cognito-idp", region_name=REGION, endpoint_url=self.url)
        verified = {"UsernameAttributes": ["email"], "AutoVerifiedAttributes": ["email"]}
        pool = client.create_user_pool(PoolName="shop", **verified)["UserPool"]["Id"]
        flows = ["ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]
        app = client.create_user_pool_client(UserPoolId=pool, ClientName="auth", ExplicitAuthFlows=flows)
        client.close()
        return {
            "provider": "cognito",
            "cognito_user_pool_id": pool,
            "cognito_client_id": app["UserPoolClient"]["ClientId"],
            "cognito_region": REGION,
            "cognito_endpoint_url": self.url,
        }
