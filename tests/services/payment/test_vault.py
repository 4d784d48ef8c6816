import pytest
import tink

from services.payment.vault import Vault, ensure_keys, rotate


@pytest.fixture
def keys(tmp_path):
    file = tmp_path / "keys.json"
    ensure_keys(file)
    return file


def test_what_was_sealed_opens_in_its_place(keys):
    vault = Vault.of(keys)
    sealed = vault.seal({"token": "pm_1"}, "payment 1")
    assert "pm_1" not in str(sealed)
    assert vault.open(sealed, "payment 1") == {"token": "pm_1"}


def test_what_was_moved_to_another_place_does_not_open(keys):
    vault = Vault.of(keys)
    with pytest.raises(tink.TinkError):
        vault.open(vault.seal({"token": "pm_1"}, "payment 1"), "payment 2")


def test_after_a_rotation_old_values_open_and_new_ones_have_the_new_key(keys):
    old = Vault.of(keys).seal({"token": "old"}, "p")
    key_id = rotate(keys)
    vault = Vault.of(keys)
    new = vault.seal({"token": "new"}, "p")
    assert (vault.open(old, "p"), vault.open(new, "p")) == ({"token": "old"}, {"token": "new"})
    assert (new["keyId"], vault.is_current(new), vault.is_current(old)) == (key_id, True, False)


def test_the_keys_are_made_once_and_for_their_owner_alone(keys):
    before = keys.read_text()
    ensure_keys(keys)
    assert (keys.read_text(), keys.stat().st_mode & 0o777) == (before, 0o600)
