import asyncio
import base64
import json
import time

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from services.common.identity.jwks import PublishedKeys
from services.common.identity.tokens import LEEWAY, Verifier
from services.common.runtime.errors import Unauthorized, Unavailable
from services.common.runtime.settings import ServiceSettings
from services.common.runtime.trusted_issuers import TrustedIssuer
from services.contracts.setting_errors import SettingError
from services.contracts.signing import public_jwk
from tests.tokens import Tokens
from tests.waiting import eventually

VISITOR = "anon:8b4ad2c1-27e5-4b0a-9f43-3cf2b7a9d6e1"


def verifier_of(service="catalog", **settings):
    return Verifier.of(ServiceSettings(service=service, **settings))


@pytest.fixture
def verifier(tokens):
    return verifier_of(**tokens.settings)


def signed(tokens, *, holder="auth", key=None, algorithm="RS256", headers=None, **changes):
    """A user's token with claims changed, or left out where None."""
    now = time.time()
    claims = {
        "iss": tokens.issuer,
        "sub": "u1",
        "aud": "tanawari",
        "iat": now,
        "exp": int(now) + 60,
        "token_use": "access",
        "roles": [],
    } | changes
    claims = {name: value for name, value in claims.items() if value is not None}
    private = load_pem_private_key(tokens.key_file(holder).read_bytes(), None)
    headers = {"kid": public_jwk(private.public_key())["kid"]} | (headers or {})
    headers = {name: value for name, value in headers.items() if value is not None}
    return jwt.encode(claims, key or private, algorithm=algorithm, headers=headers)


async def test_a_users_token_names_the_user_the_roles_and_the_session(verifier, tokens):
    caller = await verifier.verify(tokens.user("u1", roles=["analyst"], session_id="s1"))
    assert (caller.kind, caller.subject, caller.roles, caller.session_id) == ("user", "u1", {"analyst"}, "s1")


async def test_a_visitors_token_names_the_visitor(verifier, tokens):
    caller = await verifier.verify(tokens.visitor(VISITOR))
    assert (caller.kind, caller.subject, caller.scope) == ("visitor", VISITOR, f"visitor:{VISITOR}")


async def test_a_services_token_names_the_service_that_calls(verifier, tokens):
    caller = await verifier.verify(tokens.service("importer", "catalog"))
    assert (caller.kind, caller.subject) == ("service", "importer")


async def test_a_service_token_is_for_the_service_that_is_called(tokens):
    with pytest.raises(Unauthorized):
        await verifier_of("content", **tokens.settings).verify(tokens.service("importer", "catalog"))


@pytest.mark.parametrize("claim", ["exp", "iat", "iss", "sub", "aud"])
async def test_a_token_without_a_required_claim_is_refused(verifier, tokens, claim):
    assert await verifier.verify(signed(tokens))
    with pytest.raises(Unauthorized):
        await verifier.verify(signed(tokens, **{claim: None}))


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://elsewhere"},
        {"aud": "catalog"},
        {"aud": []},
        {"aud": 5},
        {"token_use": "id"},
        {"token_use": "service"},
        {"token_use": "visitor", "sub": VISITOR},
        {"sub": VISITOR},
        {"sub": "anon:someone"},
        {"key": "x" * 64, "algorithm": "HS256"},
        {"headers": {"kid": "unknown"}},
        {"headers": {"kid": None}},
        {"headers": {"kid": "../auth.pem"}},
        {"roles": 5},
        {"roles": [5]},
        {"sub": "\ud800"},
        {"sub": ""},
        {"sub": "u1/u2"},
        {"token_use": ["access"]},
        {"exp": float("inf")},
        {"exp": []},
        {"sub": 5},
    ],
)
async def test_a_forged_token_is_refused(verifier, tokens, changes):
    with pytest.raises(Unauthorized):
        await verifier.verify(signed(tokens, **changes))


@pytest.mark.parametrize(("claim", "seconds"), [("exp", -60), ("exp", 600), ("iat", 86_400), ("nbf", 86_400)])
async def test_a_token_that_is_stale_lives_too_long_or_is_of_the_future_is_refused(verifier, tokens, claim, seconds):
    with pytest.raises(Unauthorized):
        await verifier.verify(signed(tokens, **{claim: int(time.time()) + seconds}))


@pytest.mark.parametrize(
    ("holder", "changes"),
    [
        ("importer", {}),
        ("importer", {"token_use": "service", "sub": "serving", "aud": "catalog"}),
        ("serving", {"token_use": "service", "sub": "importer", "aud": "catalog"}),
        ("pipelines", {"token_use": "service", "sub": "pipelines", "aud": "catalog"}),
        ("auth", {"token_use": "service", "sub": "auth", "aud": "catalog"}),
        ("serving", {"token_use": "visitor", "sub": VISITOR}),
    ],
)
async def test_a_key_signs_only_what_it_is_published_for(verifier, tokens, holder, changes):
    with pytest.raises(Unauthorized):
        await verifier.verify(signed(tokens, holder=holder, **changes))


async def test_a_token_signed_with_the_public_key_as_a_secret_is_refused(verifier, tokens):
    secret = tokens.keyring.published.read_bytes()
    head, body = (
        base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()
        for part in ({"alg": "HS256", "kid": tokens.keyring.keys()[0]["kid"]}, {"iss": tokens.issuer, "sub": "u1"})
    )
    signature = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256).sign(
        f"{head}.{body}".encode(), secret
    )
    with pytest.raises(Unauthorized):
        await verifier.verify(f"{head}.{body}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}")


async def test_a_key_that_the_token_brings_along_is_not_used(verifier, tokens):
    own = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    headers = {"jwk": public_jwk(own.public_key()), "jku": "https://evil.example/jwks.json"}
    with pytest.raises(Unauthorized):
        await verifier.verify(signed(tokens, key=own, headers=headers))


async def test_an_unsigned_token_is_refused(verifier, tokens):
    claims = jwt.decode(tokens.user("u1"), options={"verify_signature": False})
    with pytest.raises(Unauthorized):
        await verifier.verify(jwt.encode(claims, None, algorithm="none"))


async def test_a_token_of_another_deployment_is_refused(verifier, tmp_path):
    with pytest.raises(Unauthorized):
        await verifier.verify(Tokens(tmp_path).user("u1"))


async def test_a_remembered_token_still_expires(verifier, tokens):
    token = signed(tokens, exp=int(time.time()) - LEEWAY + 2)
    assert await verifier.verify(token)
    with pytest.raises(Unauthorized):
        await eventually(lambda: verifier.verify(token), lambda _: False)


async def test_a_rotated_key_is_accepted_and_the_old_one_until_it_is_retired(own_tokens, monkeypatch):
    monkeypatch.setattr("services.common.identity.tokens.REMEMBERED_SECONDS", 0)
    tokens = own_tokens
    verifier = verifier_of(**tokens.settings)
    old = tokens.user("u1")
    old_key = jwt.get_unverified_header(old)["kid"]
    tokens.keyring.rotate("auth", wait=lambda _: None)
    new = tokens.user("u1")
    assert jwt.get_unverified_header(new)["kid"] != old_key
    assert await verifier.verify(new)
    assert await verifier.verify(old)
    tokens.keyring.retire(old_key)
    with pytest.raises(Unauthorized):
        await verifier.verify(old)


async def test_a_replaced_key_ends_with_its_last_token(own_tokens):
    tokens = own_tokens
    old = tokens.user("u1")
    tokens.keyring.rotate("auth", wait=lambda _: None)
    published = json.loads(tokens.keyring.published.read_bytes())
    for key in published["keys"]:
        key["exp"] = min(key["exp"], time.time() - 1) if "exp" in key else time.time() + 60
    tokens.keyring.published.write_text(json.dumps(published))
    with pytest.raises(Unauthorized):
        await verifier_of(**tokens.settings).verify(old)
    assert await verifier_of(**tokens.settings).verify(tokens.user("u1"))


async def test_a_key_is_published_before_anything_is_signed_by_it(own_tokens):
    keys = own_tokens.keyring
    seen = []

    def wait(_):
        signs_with = keys.signer("auth").user_token("u1")
        seen.append((len(keys.keys()), jwt.get_unverified_header(signs_with)["kid"]))

    before = len(keys.keys())
    new = keys.rotate("auth", wait=wait)
    [(published, signing)] = seen
    assert published == before + 1
    assert signing != new


async def test_unknown_keys_do_not_make_us_read_again_and_again(tokens, monkeypatch):
    verifier = verifier_of(**tokens.settings)
    await verifier.verify(tokens.user("u1"))
    reads = []
    monkeypatch.setattr("services.common.identity.jwks.PAUSE_WITH_KEYS", 600)
    read = PublishedKeys._read
    monkeypatch.setattr(PublishedKeys, "_read", lambda keys: reads.append(1) or read(keys))
    for number in range(20):
        with pytest.raises(Unauthorized):
            await verifier.verify(signed(tokens, headers={"kid": f"unknown-{number}"}))
    assert reads == []


async def test_keys_that_do_not_come_hold_up_one_caller_and_not_those_whose_key_is_known(tokens, monkeypatch):
    keys, known = PublishedKeys(tokens.jwks_url), tokens.keyring.keys()[0]["kid"]
    assert await keys.named(known)
    monkeypatch.setattr("services.common.identity.jwks.LIFETIME", -1)
    monkeypatch.setattr("services.common.identity.jwks.PAUSE_WITH_KEYS", 0)
    comes = asyncio.Event()
    monkeypatch.setattr(PublishedKeys, "_read", lambda _: comes.wait())
    first = asyncio.create_task(keys.named(known))
    await asyncio.sleep(0)  # it begins to read
    assert await keys.named(known)
    assert not first.done()
    comes.set()
    assert await first


async def test_a_key_for_encryption_verifies_nothing(own_tokens):
    published = json.loads(own_tokens.keyring.published.read_bytes())
    keys = [key | {"use": "enc"} if key["service"] == "auth" else key for key in published["keys"]]
    own_tokens.keyring.published.write_text(json.dumps({"keys": keys}))
    with pytest.raises(Unauthorized):
        await verifier_of(**own_tokens.settings).verify(own_tokens.user("u1"))


async def test_without_any_keys_the_answer_is_unavailable_and_not_unauthorized(tokens, tmp_path):
    verifier = verifier_of(auth_issuer=tokens.issuer, auth_jwks_url=(tmp_path / "missing.json").as_uri())
    with pytest.raises(Unavailable):
        await verifier.verify(tokens.user("u1"))


async def test_a_token_of_boundless_depth_is_refused(verifier):
    header = base64.urlsafe_b64encode(b"[" * 20_000).rstrip(b"=").decode()
    with pytest.raises(Unauthorized):
        await verifier.verify(f"{header}.e30.x")


@pytest.mark.parametrize("published", ["[1]", '{"keys": 5}', '{"keys": [1]}', "null", "<html>", "[" * 20_000])
async def test_published_garbage_is_no_key(tokens, tmp_path, published):
    jwks = tmp_path / "jwks.json"
    jwks.write_text(published)
    with pytest.raises(Unavailable):
        await verifier_of(auth_issuer=tokens.issuer, auth_jwks_url=jwks.as_uri()).verify(tokens.user("u1"))


@pytest.fixture
def login(tmp_path):
    """A shop's own login, whose tokens are not ours: plain published keys, another audience."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    jwks = tmp_path / "login.json"
    jwks.write_text(json.dumps({"keys": [public_jwk(key.public_key())]}))

    def token(**changes):
        now = int(time.time())
        claims = {"iss": "https://login.shop", "sub": "42", "aud": "shop-api", "iat": now, "exp": now + 300} | changes
        headers = {"kid": public_jwk(key.public_key())["kid"]}
        return jwt.encode({k: v for k, v in claims.items() if v is not None}, key, algorithm="RS256", headers=headers)

    return token, {"issuer": "https://login.shop", "jwks_url": jwks.as_uri(), "audience": "shop-api"}


async def test_a_trusted_login_gives_users_and_only_the_roles_that_it_may(tokens, login):
    token, configured = login
    issuer = TrustedIssuer(**configured, roles=["merchandiser"], roles_claim="groups")
    verifier = verifier_of(auth_trusted_issuers=(issuer,), **tokens.settings)
    caller = await verifier.verify(token(groups=["merchandiser", "admin"]))
    assert (caller.kind, caller.subject, caller.roles) == ("user", "42", {"merchandiser"})
    assert await verifier.verify(tokens.user("u1"))


@pytest.mark.parametrize("issuers", [["https://login.shop", "https://login.shop"], ["https://tanawari.local"]])
def test_an_issuer_is_trusted_once_and_none_is_trusted_to_be_us(tokens, login, issuers):
    _, configured = login
    trusted = tuple(TrustedIssuer(**configured | {"issuer": each}) for each in issuers)
    with pytest.raises(SettingError, match=f"AUTH_TRUSTED_ISSUERS: {issuers[0]} is named twice"):
        verifier_of(auth_trusted_issuers=trusted, **tokens.settings)


async def test_cognitos_tokens_name_the_client_and_no_audience(tokens, login):
    token, configured = login
    verifier = verifier_of(auth_trusted_issuers=(TrustedIssuer(**configured),), **tokens.settings)
    assert await verifier.verify(token(aud=None, client_id="shop-api", token_use="access"))


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": "another-api"},
        {"aud": None, "client_id": "another"},
        {"token_use": "id"},
        {"token_use": "service", "sub": "pipelines"},
        {"token_use": "visitor", "sub": VISITOR},
        {"sub": VISITOR},
        {"exp": int(time.time()) + 86_400},
        {"iss": "https://tanawari.local"},
    ],
)
async def test_a_trusted_login_cannot_speak_for_anybody_else(tokens, login, changes):
    token, configured = login
    verifier = verifier_of(auth_trusted_issuers=(TrustedIssuer(**configured),), **tokens.settings)
    with pytest.raises(Unauthorized):
        await verifier.verify(token(**changes))


async def test_a_trusted_service_speaks_for_itself_alone(tokens, login):
    token, configured = login
    issuer = TrustedIssuer(**(configured | {"audience": "content"}), service="pipelines")
    verifier = verifier_of("content", auth_trusted_issuers=(issuer,), **tokens.settings)
    spoken = {"aud": "content", "token_use": "service"}
    assert (await verifier.verify(token(sub="pipelines", **spoken))).is_service
    for changes in ({"sub": "importer"}, {"sub": "42", "token_use": "access"}):
        with pytest.raises(Unauthorized):
            await verifier.verify(token(**(spoken | changes)))
