import pytest

from services.contracts.kafka import KafkaSettings
from services.contracts.settings import SecretError, resolve, resolved


@pytest.fixture
def file(tmp_path):
    """Writes a file: `file("name", "content")` is its path as text."""

    def write(name, content):
        (tmp_path / name).write_text(content)
        return str(tmp_path / name)

    return write


def test_a_variable_comes_from_the_file_that_is_named_and_loses_the_newline_at_its_end(file):
    told = {"CATALOG_DATABASE_URL_FILE": file("url", "postgresql://catalog:secret@db/catalog\n"), "PATH": "/bin"}
    assert resolved(told) == {"CATALOG_DATABASE_URL": "postgresql://catalog:secret@db/catalog", "PATH": "/bin"}


def test_every_file_of_the_directory_that_is_called_as_a_variable_is_one(file, tmp_path):
    file("REDIS_URL", "redis://cache/0")
    file("ca.pem", "no variable")
    (tmp_path / "..data").mkdir()  # Kubernetes has such beside what it mounts
    assert resolved({"TANAWARI_SECRETS_DIR": str(tmp_path)}) == {"REDIS_URL": "redis://cache/0"}


def test_paths_that_are_settings_of_their_own_stay_what_they_are():
    told = {"AUTH_SIGNING_KEY_FILE": "/keys/key.pem", "KAFKA_SSL_CA_FILE": "/keys/ca.pem", "REDIS_URL_FILE": ""}
    assert resolved(told) == {"AUTH_SIGNING_KEY_FILE": "/keys/key.pem", "KAFKA_SSL_CA_FILE": "/keys/ca.pem"}


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ({"REDIS_URL": "x", "REDIS_URL_FILE": "{file}"}, "^REDIS_URL and REDIS_URL_FILE are both set: unset one$"),
        (
            {"REDIS_URL": "x", "TANAWARI_SECRETS_DIR": "{folder}"},
            "REDIS_URL and TANAWARI_SECRETS_DIR/REDIS_URL are",
        ),
        (
            {"REDIS_URL_FILE": "{file}", "TANAWARI_SECRETS_DIR": "{folder}"},
            "REDIS_URL_FILE and TANAWARI_SECRETS_DIR/",
        ),
        ({"REDIS_URL_FILE": "/nowhere"}, "REDIS_URL_FILE: /nowhere cannot be read: No such file or directory"),
        ({"REDIS_URL_FILE": "{folder}"}, "REDIS_URL_FILE: .* cannot be read: Is a directory"),
        ({"REDIS_URL_FILE": "{empty}"}, "REDIS_URL_FILE: .* is empty"),
        (
            {"TANAWARI_SECRETS_DIR": "/nowhere"},
            "TANAWARI_SECRETS_DIR: /nowhere cannot be read: No such file",
        ),
    ],
)
def test_what_cannot_be_meant_is_refused_by_name_and_no_secret_is_told(file, tmp_path, told, message):
    places = {"file": file("REDIS_URL", "redis://:secret@cache/0"), "empty": file("empty", "\n"), "folder": tmp_path}
    with pytest.raises(SecretError, match=message) as refused:
        resolved({name: value.format(**places) for name, value in told.items()})
    assert "secret@" not in str(refused.value)


def test_settings_are_read_from_files(file, monkeypatch):
    monkeypatch.setenv("KAFKA_SECURITY_PROTOCOL", "SASL_SSL")
    monkeypatch.setenv("KAFKA_SASL_USERNAME", "tanawari")
    monkeypatch.setenv("KAFKA_SASL_PASSWORD_FILE", file("password", "broker-secret\n"))
    settings = KafkaSettings(kafka_url="kafka:9093")
    assert settings.client_arguments()["sasl_plain_password"] == "broker-secret"
    assert "broker-secret" not in repr(settings)


def test_an_environment_is_resolved_in_place_and_may_be_again(file):
    told = {"REDIS_URL_FILE": file("url", "redis://cache/0")}
    for _ in range(2):
        resolve(told)
        assert told == {"REDIS_URL": "redis://cache/0"}
