import pytest
import tink

from services.contracts.vault import Vault, ensure_keys, retire, rotate


@pytest.fixture
def keys(tmp_path):
    file = tmp_path / "keys.json"
    ensure_keys(file)
    return file


def test_what_was_sealed_opens_in_its_place(keys):
    vault = Vault(keys)
    sealed = vault.seal({"token": "pm_1"}, "payment 1")
    assert "pm_1" not in str(sealed)
    assert vault.open(sealed, "payment 1") == {"token": "pm_1"}


def test_what_was_moved_to_another_place_does_not_open(keys):
    vault = Vault(keys)
    with pytest.raises(tink.TinkError):
        vault.open(vault.seal({"token": "pm_1"}, "payment 1"), "payment 2")


def test_after_a_rotation_old_values_open_and_new_ones_have_the_new_key(keys):
    old = Vault(keys).seal({"token": "old"}, "p")
    key_id = rotate(keys)
    vault = Vault(keys)
    new = vault.seal({"token": "new"}, "p")
    assert (vault.open(old, "p"), vault.open(new, "p")) == ({"token": "old"}, {"token": "new"})
    assert (new["keyId"], old["keyId"] == key_id) == (key_id, False)


def test_a_vault_reads_its_keys_again_when_they_were_replaced(keys):
    vault = Vault(keys)
    key_id = rotate(keys)
    assert vault.seal({}, "p")["keyId"] == key_id == vault.primary


def test_what_a_retired_key_has_sealed_is_lost(keys):
    vault = Vault(keys)
    old = vault.seal({"token": "old"}, "p")
    rotate(keys)
    assert retire(keys) == [old["keyId"]]
    with pytest.raises(tink.TinkError):
        vault.open(old, "p")
    assert vault.open(vault.seal({"token": "new"}, "p"), "p") == {"token": "new"}


def test_the_keys_are_made_once_and_for_their_owner_alone(keys):
    before = keys.read_text()
    ensure_keys(keys)
    assert (keys.read_text(), keys.stat().st_mode & 0o777) == (before, 0o600)
