"""A gateway over real HTTP, before small servers that stand where the services would."""

import socket
from contextlib import ExitStack

import httpx2
import pytest

from services.gateway.app import create_app
from services.gateway.settings import GatewaySettings
from tests.services.gateway.standing_in import Service, served

SERVICES = ("catalog", "analytics", "content", "serving", "auth", "profile", "cart", "payment", "order")


@pytest.fixture(scope="session")
def all_services():
    services = {name: Service(name) for name in SERVICES}
    with ExitStack() as stack:
        for service in services.values():
            service.url = stack.enter_context(served(service))
        yield services


@pytest.fixture
def services(all_services):
    for service in all_services.values():
        service.asked.clear()
        service.answers.clear()
    return all_services


@pytest.fixture(scope="session")
def environment(all_services, tokens):
    """The settings of an ordinary gateway."""
    return {
        **{f"{name}_url": service.url for name, service in all_services.items()},
        **tokens.settings,
        "auth_signing_key_file": tokens.key_file("gateway"),
        "preview_login": True,
        "allowed_hosts": ("127.0.0.1", "shop"),
        "redis_url": None,
        "address_sign_ins_per_minute": 10_000,
    }


@pytest.fixture(scope="session")
def ordinary_gateway(environment):
    with served(create_app(GatewaySettings(**environment))) as url:
        yield url


@pytest.fixture
def gateway(services, environment, ordinary_gateway):  # noqa: ARG001 - services forget what they were asked before
    """A factory of clients: of the ordinary gateway, or of one that runs with the settings given."""
    with ExitStack() as stack:

        def create(**settings) -> httpx2.Client:
            url = ordinary_gateway
            if settings:
                url = stack.enter_context(served(create_app(GatewaySettings(**{**environment, **settings}))))
            return stack.enter_context(httpx2.Client(base_url=url, timeout=20))

        yield create


@pytest.fixture
def raw():
    """Sends bytes as no well-behaved client would, and gives the status of the answer."""

    def send(client, *pieces):
        with socket.create_connection((client.base_url.host, client.base_url.port), timeout=10) as connection:
            for piece in pieces:
                connection.sendall(piece)
            return int(connection.makefile("rb").readline().split()[1])

    return send


@pytest.fixture
def bearer(tokens):
    """A factory of headers: of a user or visitor, or of a service with the one that it calls."""

    def headers(subject, *, calls=None):
        return tokens.header(tokens.service(subject, calls) if calls else tokens.of(subject))

    return headers


@pytest.fixture
def nowhere():
    """An address where nothing listens, and nothing will begin to."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{held.getsockname()[1]}"


@pytest.fixture
def serve():
    """The context manager that runs an application on a port."""
    return served


@pytest.fixture
def auth_tokens(tokens):
    """A factory of auth's answers to a login as the user u7."""

    def answer(refresh_token, **claims):
        access = tokens.user("u7", roles=["customer"], session_id="s1", **claims)
        times = {"expiresIn": 300, "refreshExpiresIn": 86_400}
        return {"userId": "u7", "accessToken": access, "tokenType": "Bearer", "refreshToken": refresh_token, **times}

    return answer


@pytest.fixture
def auth(services, auth_tokens):
    """Auth as it answers who logs in."""
    auth = services["auth"]
    auth.says("/v1/auth/sessions", auth_tokens("r1"), 201)
    auth.says("/v1/auth/sessions/refresh", auth_tokens("r2"))
    auth.says("/v1/auth/sessions/current", None, 204)
    return auth
