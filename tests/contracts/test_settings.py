import pytest
from pydantic import Field, SecretStr

from services.contracts.kafka import KafkaSettings
from services.contracts.setting_errors import SecretError, SettingError
from services.contracts.settings import Settings, resolve, resolved


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


class Kitchen(Settings, env_prefix="KITCHEN_"):
    ovens: int = 1
    guests: tuple[str, ...] = ()
    web_url: str = Field("http://127.0.0.1", max_length=20)
    ring_seconds: float = Field(1, validation_alias="RING_SECONDS", ge=1)
    door_password: SecretStr | None = Field(None, min_length=8)
    cook: str


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ({"KITCHEN_OVENS": "two"}, "KITCHEN_OVENS=two: Input should be a valid integer"),
        ({"RING_SECONDS": "0.5"}, "RING_SECONDS=0.5: Input should be greater than or equal to 1"),
        ({"KITCHEN_GUESTS": "Ann"}, 'KITCHEN_GUESTS=Ann: expected JSON, such as ["a", "b"]'),
        ({"KITCHEN_GUESTS": "7"}, "KITCHEN_GUESTS=7: Input should be a valid tuple"),
        ({"KITCHEN_WEB_URL": "http://ann:secret@web.example"}, "KITCHEN_WEB_URL: String should have at most 20"),
        ({"KITCHEN_DOOR_PASSWORD": "secret"}, "KITCHEN_DOOR_PASSWORD: Value should have at least 8"),
        ({"KITCHEN_COOK": None}, "KITCHEN_COOK is not set"),
    ],
)
def test_a_wrong_value_is_told_with_its_variable_in_a_line_unless_it_may_be_secret(monkeypatch, told, message):
    for name, value in ({"KITCHEN_COOK": "Bo"} | told).items():
        monkeypatch.setenv(name, value) if value else monkeypatch.delenv(name, raising=False)
    with pytest.raises(SettingError) as refused:
        Kitchen()
    assert str(refused.value).startswith(message)
    assert "\n" not in str(refused.value)
    assert "secret" not in str(refused.value)
