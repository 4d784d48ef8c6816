import json
import os
from dataclasses import replace

import httpx2
import jwt
import pytest

from services.common.identity.tokens import Verifier
from services.common.runtime.http_client import ServiceClient
from services.common.runtime.settings import ServiceSettings
from services.contracts.signing import SERVICE_SECONDS
from stack.keys import HOLDERS, KeyringError


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


def test_a_key_that_is_replaced_within_a_tick_of_the_clock_is_noticed(own_tokens):
    keys = own_tokens.keyring
    signer, file = keys.signer("auth"), keys.private("auth")
    signer.user_token("u1")
    made = file.stat().st_mtime_ns
    new = keys.rotate("auth", wait=lambda _: None)
    os.utime(file, ns=(made, made))
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


def test_the_old_key_of_a_rotation_that_was_cut_off_can_be_retired(own_tokens, monkeypatch):
    keyring = own_tokens.keyring
    before = keyring.keys()
    [old] = [key["kid"] for key in before if key["service"] == "auth"]
    publish, published = keyring._publish, []

    def cut_off(found):
        if published:
            raise OSError("no space left")
        published.append(publish(found))

    monkeypatch.setattr(keyring, "_publish", cut_off)
    with pytest.raises(OSError, match="no space"):
        keyring.rotate("auth", wait=lambda _: None)
    monkeypatch.undo()
    keyring.retire(old)
    after = keyring.keys()
    assert old not in {key["kid"] for key in after}


async def test_a_list_of_published_keys_that_was_lost_is_made_from_the_private_ones(own_tokens):
    own_tokens.keyring.published.unlink()
    own_tokens.keyring.ensure()
    verifier = Verifier.of(ServiceSettings(service="catalog", **own_tokens.settings))
    assert (await verifier.verify(own_tokens.service("importer", "catalog"))).subject == "importer"


def test_a_key_is_published_with_what_its_holder_may_sign_by_now(own_tokens, monkeypatch):
    monkeypatch.setitem(HOLDERS, "serving", replace(HOLDERS["serving"], audiences=("catalog", "profile")))
    keys = json.loads(own_tokens.keyring.ensure().published.read_bytes())["keys"]
    assert [key["audiences"] for key in keys if key["service"] == "serving"] == [["catalog", "profile"]]


def test_the_keys_of_a_holder_that_there_is_no_more_are_withdrawn(own_tokens, monkeypatch):
    monkeypatch.delitem(HOLDERS, "operator")
    published = own_tokens.keyring.ensure().published
    assert "operator" not in {key["service"] for key in json.loads(published.read_bytes())["keys"]}


def test_a_service_token_is_made_anew_after_the_clock_was_set_back(own_tokens, monkeypatch):
    signer = own_tokens.signer("serving")
    monkeypatch.setattr("time.time", lambda: 4_000_000_000.0)
    before = signer.service_token("serving", "catalog")
    monkeypatch.setattr("time.time", lambda: 4_000_000_000.0 - 10 * SERVICE_SECONDS)
    assert signer.service_token("serving", "catalog") != before
