import json

import jwt
import pytest

import cli.keys
import stack.keys
from services.contracts.signing import public_jwk
from stack.keys import HOLDERS, Keyring


@pytest.fixture
def directory(tmp_path, monkeypatch):
    """Keys of a deployment; a rotation does not wait here for processes that there are none of."""
    monkeypatch.setattr(cli.keys, "sleep", lambda _: None)
    return tmp_path / "keys"


@pytest.fixture
def keys(tanawari, directory):
    tanawari("keys", "make", "--directory", directory)

    def run(*words):
        return tanawari("keys", *words, "--directory", directory)

    return run


def test_keys_are_made_once_for_each_process_that_signs(keys, directory):
    before = json.loads(keys("list", "--json").stdout)
    assert keys("make").code == 0
    assert json.loads(keys("list", "--json").stdout) == before
    assert {key["service"] for key in before} == set(HOLDERS)
    assert {file.stem for file in directory.glob("*.pem")} == set(HOLDERS)


def test_one_command_rotates_a_key_and_another_retires_the_old_one(keys, directory):
    old = Keyring(directory).signer("auth").user_token("u1")
    ended = keys("rotate", "auth")
    new = jwt.get_unverified_header(Keyring(directory).signer("auth").user_token("u1"))["kid"]
    assert f"auth signs with {new}" in ended.stdout
    old_key = jwt.get_unverified_header(old)["kid"]
    assert old_key in keys("list").stdout
    assert keys("retire", old_key).code == 0
    assert old_key not in keys("list").stdout


def test_no_key_has_an_id_that_a_command_takes_for_an_option(tmp_path, monkeypatch):
    odd = iter(["-odd"])
    monkeypatch.setattr(stack.keys, "public_jwk", lambda key: (jwk := public_jwk(key)) | {"kid": next(odd, jwk["kid"])})
    keys = Keyring(tmp_path / "keys").ensure().keys()
    assert "-odd" not in {key["kid"] for key in keys}


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("rotate", "nobody"), "nobody is called nobody: there are auth, "),
        (("retire", "no-key"), "there is no key no-key"),
    ],
)
def test_what_cannot_be_done_is_told_in_a_line(keys, words, line):
    ended = keys(*words)
    assert (ended.code, ended.stderr.count("\n")) == (1, 1)
    assert line in ended.stderr


@pytest.mark.parametrize("text", ['{"keys": [', "[]", "{}"])
def test_a_list_of_keys_that_is_damaged_is_told_in_a_line_with_the_remedy(keys, directory, text):
    published = directory / "published.json"
    published.write_text(text)
    ended = keys("list")
    assert (ended.code, ended.stderr.count("\n")) == (1, 1)
    assert (
        f"{published} is no list of keys: remove it, then list the keys that sign with tanawari keys make"
        in ended.stderr
    )
    published.unlink()
    assert keys("make").code == 0
    assert {key["service"] for key in json.loads(keys("list", "--json").stdout)} == set(HOLDERS)


def test_a_damaged_private_key_is_told_in_a_line_with_the_remedy(keys, directory):
    published = json.loads(keys("list", "--json").stdout)
    old = next(key["kid"] for key in published if key["service"] == "auth")
    (directory / "auth.pem").write_text("-----BEGIN")
    ended = keys("retire", old)
    assert (ended.code, ended.stderr.count("\n")) == (1, 1)
    assert "auth.pem holds no RSA key: make another with tanawari keys rotate auth" in ended.stderr
    assert keys("rotate", "auth").code == 0
    assert keys("retire", old).code == 0


def test_keys_that_are_nowhere_are_not_made_by_a_look(tanawari, tmp_path):
    ended = tanawari("keys", "list", "--directory", tmp_path / "none")
    assert ended.code == 1
    assert "make them with tanawari keys make" in ended.stderr
