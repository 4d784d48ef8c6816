"""Forged, stale, revoked and foreign tokens at every route of every service: none is accepted anywhere.

The routes are those of the applications, so that those of a new service are among them.
"""

import re
import shutil
from types import SimpleNamespace

import httpx2
import pytest

from services.common.identity.policy import SAFE, guarded_routes, policy_of
from services.common.storage.migrate import migrate
from services.contracts.envelope import Event
from services.contracts.events.identity import SessionsRevoked, UserStatusChanged
from services.contracts.signing import ROLES
from services.contracts.vault import ensure_keys
from stack.keys import HOLDERS
from tests.applications import HAVE_DATABASE, PACKAGES, application
from tests.forged import VISITOR, Forger, forgeries
from tests.service_process import ServiceProcess
from tests.tokens import Tokens

REFUSED, UNAUTHORIZED = (401, 403), 401
FOR_BUYERS = "/v1/products/{productId}/reviews/mine"
"""It refuses who has not bought the product, whatever token that is."""
OTHER_VISITOR = "anon:0d9f3c1e-5b7a-4c2d-8e6f-9a1b2c3d4e5f"
GIVEN = {"userId": "u1", "generation": "g1", "role": "customer"}


@pytest.fixture(scope="module")
def keys(tokens, tmp_path_factory):
    """Keys of our own, of which one was retired; `.retired` was signed by it."""
    own = Tokens(shutil.copytree(tokens.keyring.directory, tmp_path_factory.mktemp("keys") / "own"))
    own.retired = own.user("u1", roles=ROLES)
    old = Forger(own).head()["kid"]
    own.keyring.rotate("auth", wait=lambda _: None)
    own.keyring.retire(old)
    return own


@pytest.fixture(scope="module", params=PACKAGES)
def service(request):
    return request.param


@pytest.fixture(scope="module")
def given(service, keys, database, tmp_path_factory):
    """The settings of the service, with a database of its own if it has one."""
    folder = tmp_path_factory.mktemp(service)
    settings = {**keys.settings, "mail_folder": folder, "state": folder, "keys_file": folder / "payment-keys.json"}
    ensure_keys(settings["keys_file"])
    if service in HOLDERS:
        settings["auth_signing_key_file"] = keys.key_file(service)
    if service in HAVE_DATABASE:
        settings["database_url"] = database(service)
        migrate(service, settings["database_url"])
    return settings


@pytest.fixture(scope="module")
def app(service, given):
    """The application."""
    return application(service, **given)


@pytest.fixture
async def client(app):
    transport = httpx2.ASGITransport(app, raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        yield client


@pytest.fixture(scope="module")
def attacks(keys, service):
    """The `Authorization` headers of each attack."""
    return forgeries(keys, service) | {"by a retired key": [f"Bearer {keys.retired}"]}


@pytest.fixture(scope="module")
def revoked(app, keys):
    """Headers likewise of a user and of a session that auth has closed, as the application has heard."""
    made = {
        "a disabled user's": keys.user("u9", roles=ROLES),
        "an ended session's": keys.user("u1", roles=ROLES, session_id="s9"),
        "viewed by somebody disabled": keys.user("u1", actor="user:u9"),
    }
    told = (
        ("USER_DISABLED", UserStatusChanged(user_id="u9")),
        ("SESSIONS_REVOKED", SessionsRevoked(user_id="u1", session_id="s9")),
    )
    records = [SimpleNamespace(value=Event.of(kind, data, producer="auth").to_bytes()) for kind, data in told]
    app.state.verifier.revocations.apply(records)
    return {name: [f"Bearer {token}"] for name, token in made.items()}


def routes(app):
    """Each route as (method, path, policy); where the gateway passes any method on, two of them."""
    return [
        (method, path, policy_of(needs))
        for path, methods, needs in guarded_routes(app.routes)
        for method in sorted(methods if len(methods) == 1 else methods & {"GET", "POST"})
    ]


async def asked(client, method, path, policy, headers=(), owner="u1"):
    """The status of a request that names its owner where the policy looks for it."""
    named = GIVEN | {"userId": owner}
    url = re.sub(r"{(\w+)}", lambda name: named.get(name[1], "1"), path)
    body = {"userId": owner} if policy.place == "body" else {}
    return (
        await client.request(
            method,
            url,
            params={"userId": owner} if policy.place == "query" else None,
            json=None if method in SAFE else body,
            headers=[("Authorization", value) for value in headers],
        )
    ).status_code


async def test_no_route_accepts_a_forged_or_revoked_token(client, app, attacks, revoked):
    accepted = [
        (attack, method, path, status)
        for method, path, policy in routes(app)
        for attack, headers in (attacks | revoked).items()
        if (status := await asked(client, method, path, policy, headers)) != UNAUTHORIZED
    ]
    assert accepted == []


async def test_what_the_attacks_change_is_what_makes_them_fail(client, app, keys):
    headers = [f"Bearer {Forger(keys).by()}"]
    for method, path, policy in routes(app):
        if policy.kinds or policy.roles or policy.place:
            is_refused = await asked(client, method, path, policy, headers) in REFUSED
            assert not is_refused or path == FOR_BUYERS, (method, path)


def bearer(token):
    return [f"Bearer {token}"] if token else []


def callers(keys, service):
    """Callers as (token, kind, name, roles); none of them is `u1` or its visitor, but for a viewer."""
    yield None, "nobody", "", ()
    yield keys.user("u2"), "user", "u2", ()
    yield keys.visitor(OTHER_VISITOR), "visitor", OTHER_VISITOR, ()
    yield keys.user("u1", actor="user:otto"), "viewer", "u1", ()
    for role in ROLES:
        yield keys.user("u3", roles=[role]), "user", "u3", (role,)
    for holder, may in HOLDERS.items():
        if service in may.audiences:
            yield keys.service(holder, service), "service", holder, ()


def is_admitted(policy, method, kind, name, roles):
    """Whether a policy admits a caller to data of somebody else, by its words."""
    if policy.is_public:
        return True
    if kind == "viewer":
        return policy.takes_views or method in SAFE
    if kind == "service":
        return name in policy.services
    return kind in policy.kinds or not policy.roles.isdisjoint(roles)


async def test_no_route_gives_one_callers_data_to_another(client, app, keys, service):
    """Twice each: what a fast path answers has to be known first."""
    accepted = [
        (method, path, owner, kind, name, roles, status)
        for method, path, policy in routes(app)
        for token, kind, name, roles in callers(keys, service)
        if not is_admitted(policy, method, kind, name, roles)
        for owner in (("u1", VISITOR) if policy.place else ("u1",))
        for _ in range(2)
        if (status := await asked(client, method, path, policy, bearer(token), owner)) not in REFUSED
    ]
    assert accepted == []


def test_the_documents_name_no_route_without_a_policy(app):
    named = {(method.upper(), path) for path, each in app.openapi()["paths"].items() for method in each}
    assert named <= {(method, path) for method, path, _ in routes(app)}


def environment(service, given):
    names = {"auth_issuer": "AUTH_ISSUER", "auth_jwks_url": "AUTH_JWKS_URL", "state": "TANAWARI_STATE"}
    names["auth_signing_key_file"] = "AUTH_SIGNING_KEY_FILE"
    return {names.get(name, f"{service}_{name}".upper()): str(value) for name, value in given.items()}


async def test_a_process_refuses_what_its_application_refuses(app, service, given, attacks, tmp_path):
    variables = environment(service, given) | {"KAFKA_URL": "127.0.0.1:9"}
    every = routes(app)
    closed = next((each for each in every if not each[2].is_public), every[0])
    with ServiceProcess(service, variables, tmp_path / "log") as process:
        async with httpx2.AsyncClient(base_url=process.url, timeout=60) as client:
            tried = [(attack, closed) for attack in attacks]
            tried += [(attack, route) for route in every for attack in ("expired", "alg none")]
            accepted = [
                (attack, route[0], route[1], status)
                for attack, route in tried
                if (status := await asked(client, *route, attacks[attack])) != UNAUTHORIZED
            ]
    assert accepted == []
