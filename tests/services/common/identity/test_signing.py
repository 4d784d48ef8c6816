import httpx2
import jwt
import pytest

from services.common.identity.tokens import Verifier
from services.common.runtime.http_client import ServiceClient
from services.common.runtime.settings import ServiceSettings
from stack.keys import KeyringError


@pytest.fixture
def calls():
    return []


@pytest.fixture
def client(tokens, calls):
    """Serving's client of catalog."""

    def answer(request):
        calls.append(request.headers["authorization"].partition(" ")[2])
        return httpx2.Response(200)

    settings = ServiceSettings(service="serving", auth_signing_key_file=tokens.key_file("serving"), **tokens.settings)
    authentication = settings.authentication("catalog")
    return ServiceClient("catalog", "http://catalog", auth=authentication, transport=httpx2.MockTransport(answer))


async def test_a_call_carries_the_services_own_token_for_the_service_that_it_calls(client, calls, tokens):
    await client.request("GET", "/v1/products/7")
    caller = await Verifier.of(ServiceSettings(service="catalog", **tokens.settings)).verify(calls[0])
    assert (caller.subject, caller.is_service) == ("serving", True)


async def test_calls_share_a_token_while_it_is_young(client, calls):
    await client.request("GET", "/v1/products/7")
    await client.request("GET", "/v1/products/8")
    assert calls[0] == calls[1]


def test_a_process_signs_with_a_replaced_key_without_a_restart(own_tokens):
    keys = own_tokens.keyring
    signer = keys.signer("auth")
    before = signer.user_token("u1")
    new = keys.rotate("auth", wait=lambda _: None)
    assert jwt.get_unverified_header(before)["kid"] != new
    assert jwt.get_unverified_header(signer.user_token("u1"))["kid"] == new


def test_private_keys_are_for_their_owner_alone(own_tokens):
    keys = own_tokens.keyring
    assert [file.name for file in keys.directory.glob("*.pem") if file.stat().st_mode & 0o077] == []


def test_keys_that_are_there_stay(own_tokens):
    before = own_tokens.keyring.published.read_bytes()
    assert own_tokens.keyring.ensure().published.read_bytes() == before


def test_a_key_whose_writing_was_cut_off_is_made_anew(own_tokens):
    keys = own_tokens.keyring
    keys.private("auth").rename(keys.directory / "auth.new")
    assert keys.ensure().signer("auth").user_token("u1")


def test_the_key_that_a_process_signs_with_cannot_be_retired(own_tokens):
    keys = own_tokens.keyring
    with pytest.raises(KeyringError, match="rotate its key first"):
        keys.retire(keys.keys()[0]["kid"])
