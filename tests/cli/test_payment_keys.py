import json
from uuid import uuid4

import psycopg
import pytest
from psycopg.types.json import Jsonb

import cli.payment_keys
from services.common.storage.migrate import migrate
from services.contracts.vault import Vault, ensure_keys

COLUMNS = "id, order_id, user_id, amount, payment_method, status, provider, stage, goal, payment_details"
VALUES = "%s, 1, 'anna', 100, 'CREDIT_CARD', 'PENDING', 'local', 'NEW', 'AUTHORISE', %s"


@pytest.fixture(scope="module")
def database_url(database):
    url = database("payment")
    migrate("payment", url)
    return url


@pytest.fixture
def payments(database_url):
    """The table, empty."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("TRUNCATE payments CASCADE")
        yield connection


@pytest.fixture
def file(tmp_path):
    made = tmp_path / "keys.json"
    ensure_keys(made)
    return made


@pytest.fixture
def run(tanawari, monkeypatch, tmp_path, database_url, file):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(cli.payment_keys, "BATCH", 2)
    monkeypatch.delenv("TANAWARI_STATE", raising=False)
    monkeypatch.setenv("PAYMENT_DATABASE_URL", database_url)
    monkeypatch.setenv("PAYMENT_KEYS_FILE", str(file))
    return lambda word: tanawari("payment-keys", word)


def sealed_by(vault, payments, count=1):
    """Rows of new payments, sealed by the vault's key."""
    ids = [uuid4() for _ in range(count)]
    for each in ids:
        details = Jsonb(vault.seal({"token": f"pm_{each}"}, str(each)))
        payments.execute(f"INSERT INTO payments ({COLUMNS}) VALUES ({VALUES})", [each, details])
    return ids


def details(payments, payment_id):
    return payments.execute("SELECT payment_details FROM payments WHERE id = %s", [payment_id]).fetchone()[0]


def test_after_a_rotation_all_rows_are_sealed_again_and_the_old_key_goes(run, file, payments):
    old = Vault(file)
    ids = sealed_by(old, payments, 5)
    assert run("rotate").code == 0
    ids += sealed_by(old, payments)  # it reads the new key by itself
    assert "5 rows are sealed again" in run("reseal").stdout
    assert run("retire").stdout == "keys that are gone: 1\n"
    assert len(json.loads(file.read_text())["key"]) == 1
    new = Vault(file)
    assert [new.open(details(payments, each), str(each))["token"] for each in ids] == [f"pm_{each}" for each in ids]


def test_a_key_that_a_row_needs_stays(run, file, payments):
    sealed_by(Vault(file), payments)
    run("rotate")
    ended = run("retire")
    assert (ended.code, "payment-keys reseal" in ended.stderr) == (1, True)
    assert len(json.loads(file.read_text())["key"]) == 2


def test_a_row_that_no_key_opens_is_named_and_the_others_are_sealed_again(run, file, payments, tmp_path):
    (good,) = sealed_by(Vault(file), payments)
    ensure_keys(tmp_path / "lost.json")
    (lost,) = sealed_by(Vault(tmp_path / "lost.json"), payments)
    run("rotate")
    ended = run("reseal")
    assert ("1 rows" in ended.stdout, str(lost) in ended.stderr, str(good) in ended.stderr) == (True, True, False)


def test_an_erased_payment_has_nothing_to_seal(run, payments):
    payments.execute(f"INSERT INTO payments ({COLUMNS}) VALUES ({VALUES})", [uuid4(), None])
    run("rotate")
    assert "0 rows" in run("reseal").stdout


@pytest.mark.parametrize("word", ["rotate", "reseal", "retire"])
def test_what_is_not_set_is_named(tanawari, monkeypatch, tmp_path, word):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TANAWARI_STATE", raising=False)
    monkeypatch.setenv("PAYMENT_DATABASE_URL", "postgresql://nobody@127.0.0.1/payment")
    ended = tanawari("payment-keys", word)
    assert (ended.code, "not set: PAYMENT_KEYS_FILE" in ended.stderr) == (1, True)
