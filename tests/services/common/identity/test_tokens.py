import base64
import time

import jwt
import pytest

from services.common.identity.tokens import LEEWAY, Signer, Verifier
from services.common.runtime.errors import Unauthorized, Unavailable
from stack.keys import create_signing_keys
from tests.waiting import eventually


@pytest.fixture
def verifier(signing_keys):
    return Verifier(signing_keys.issuer, signing_keys.jwks_file.as_uri())


def signed(keys, *, key=None, algorithm="RS256", headers=None, **changes):
    """A token with claims changed, or left out where None."""
    now = int(time.time())
    claims = {
        "iss": keys.issuer,
        "sub": "u1",
        "iat": now,
        "exp": now + 60,
        "token_use": "access",
        "roles": [],
    } | changes
    claims = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(claims, key or keys.key_file.read_bytes(), algorithm=algorithm, headers=headers)


async def test_a_users_token_names_the_user_and_its_roles(verifier, signing_keys):
    principal = await verifier.verify(signing_keys.token("u1", roles=("analyst",)))
    assert (principal.subject, principal.is_service, principal.roles) == ("u1", False, {"analyst"})


async def test_our_own_signer_is_understood(verifier, signing_keys):
    signer = Signer(signing_keys.key_file, signing_keys.issuer)
    assert (await verifier.verify(signer.service_token("gateway"))).is_service
    assert (await verifier.verify(signer.user_token("u1", roles=["admin"]))).roles == {"admin"}
    assert signer.service_token("gateway") == signer.service_token("gateway")


@pytest.mark.parametrize("claim", ["exp", "iat", "iss", "sub", "token_use"])
async def test_a_token_without_a_required_claim_is_refused(verifier, signing_keys, claim):
    with pytest.raises(Unauthorized):
        await verifier.verify(signed(signing_keys, **{claim: None}))


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://elsewhere"},
        {"token_use": "id"},
        {"exp": int(time.time()) - 60},
        {"iat": int(time.time()) + 86_400},
        {"key": "x" * 64, "algorithm": "HS256"},
        {"headers": {"kid": "unknown"}},
        {"roles": 5},
        {"roles": [5]},
        {"sub": "\ud800"},
        {"sub": ""},
        {"token_use": ["access"]},
        {"exp": float("inf")},
        {"exp": []},
        {"sub": 5},
    ],
)
async def test_a_forged_or_stale_token_is_refused(verifier, signing_keys, changes):
    with pytest.raises(Unauthorized):
        await verifier.verify(signed(signing_keys, **changes))


async def test_an_unsigned_token_is_refused(verifier, signing_keys):
    claims = jwt.decode(signing_keys.token("u1"), options={"verify_signature": False})
    with pytest.raises(Unauthorized):
        await verifier.verify(jwt.encode(claims, None, algorithm="none"))


async def test_a_token_of_another_key_is_refused(verifier, tmp_path):
    with pytest.raises(Unauthorized):
        await verifier.verify(create_signing_keys(tmp_path).token("u1"))


async def test_a_remembered_token_still_expires(verifier, signing_keys):
    token = signed(signing_keys, exp=int(time.time()) - LEEWAY + 2)
    assert await verifier.verify(token)
    with pytest.raises(Unauthorized):
        await eventually(lambda: verifier.verify(token), lambda _: False)


async def test_unknown_keys_do_not_make_us_fetch_again_and_again(signing_keys, tmp_path, monkeypatch):
    jwks = tmp_path / "jwks.json"
    jwks.write_bytes(signing_keys.jwks_file.read_bytes())
    verifier = Verifier(signing_keys.issuer, jwks.as_uri())
    await verifier.verify(signing_keys.token("u1"))
    reads = []
    read = verifier._keys._read
    monkeypatch.setattr(verifier._keys, "_read", lambda: reads.append(1) or read())
    for number in range(20):
        with pytest.raises(Unauthorized):
            await verifier.verify(signed(signing_keys, headers={"kid": f"unknown-{number}"}))
    assert reads == []


async def test_without_any_keys_the_answer_is_unavailable_and_not_unauthorized(signing_keys, tmp_path):
    verifier = Verifier(signing_keys.issuer, (tmp_path / "missing.json").as_uri())
    with pytest.raises(Unavailable):
        await verifier.verify(signing_keys.token("u1"))


async def test_a_token_of_boundless_depth_is_refused(verifier):
    header = base64.urlsafe_b64encode(b"[" * 20_000).rstrip(b"=").decode()
    with pytest.raises(Unauthorized):
        await verifier.verify(f"{header}.e30.x")


@pytest.mark.parametrize("published", ["[1]", '{"keys": 5}', '{"keys": [1]}', "null", "<html>", "[" * 20_000])
async def test_published_garbage_is_no_key(signing_keys, tmp_path, published):
    jwks = tmp_path / "jwks.json"
    jwks.write_text(published)
    with pytest.raises(Unavailable):
        await Verifier(signing_keys.issuer, jwks.as_uri()).verify(signing_keys.token("u1"))
