"""A command works on a state or on the URLs that are set, never on a mix of both."""

import os
from unittest.mock import patch

import pytest
from typer.testing import CliRunner

import pipelines.dbt
from cli.command import tanawari
from cli.deployment import at, location
from cli.where import chosen
from services.contracts.kafka import KafkaSettings
from services.contracts.settings import resolved
from shop_import.sending import Target
from stack.catch_up import landing_settings
from stack.environment import Environment
from stack.external import at_start, storable
from stack.state import DEFAULT_DIRECTORY, State, StateError

URLS = {
    "KAFKA_URL": "kafka.example:9092",
    "WAREHOUSE_LOADER_URL": "postgresql://tanawari_loader:s@db.example/warehouse",
}
NOWHERE = {"KAFKA_URL": "127.0.0.1:1", "WAREHOUSE_LOADER_URL": "postgresql://tanawari_loader:s@127.0.0.1:1/warehouse"}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A working directory with nothing in it, and a shell in which no address is set."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.endswith("_URL") and name != "PIP_INDEX_URL"]:
        monkeypatch.delenv(name)
    monkeypatch.delenv("TANAWARI_STATE", raising=False)
    return tmp_path


def run(*words, env=None):
    return CliRunner().invoke(tanawari(), list(map(str, words)), env=env)


def test_a_state_that_is_named_is_meant_whatever_is_set(folder):
    assert chosen(folder / "other", URLS) == folder / "other"


@pytest.mark.usefixtures("folder")
def test_without_a_state_the_urls_are_meant_and_without_urls_the_state():
    assert chosen(None, URLS) is None
    assert chosen(None, {"CATALOG_URL_FILE": "/run/secrets/url"}) is None
    assert chosen(None, {"HOME": "/root"}) == DEFAULT_DIRECTORY
    State(DEFAULT_DIRECTORY)
    assert chosen(None, {"HOME": "/root"}) == DEFAULT_DIRECTORY


@pytest.mark.usefixtures("folder")
def test_where_both_are_there_nothing_is_guessed_and_both_ways_are_told():
    State(DEFAULT_DIRECTORY)
    with pytest.raises(StateError, match=r"KAFKA_URL, WAREHOUSE.*add --state \.tanawari, .* in another directory"):
        chosen(None, URLS)


@pytest.mark.usefixtures("folder")
def test_a_state_that_was_started_with_these_urls_is_meant():
    Environment.starting(State(DEFAULT_DIRECTORY), None, URLS)
    assert chosen(None, URLS) == DEFAULT_DIRECTORY
    with pytest.raises(StateError):
        chosen(None, URLS | {"KAFKA_URL": "other.example:9092"})
    with pytest.raises(StateError):
        chosen(None, URLS | {"CATALOG_URL": "http://catalog.example"})


@pytest.mark.parametrize("command", [("land",), ("rollback",), ("dead-letters", "retry"), ("prepare",), ("dbt",)])
def test_no_command_goes_from_a_named_state_to_the_urls(folder, command):
    refused = run(*command, "--state", folder / "state", env=NOWHERE)
    assert "there is no stack in" in str(refused.exception)
    assert not (folder / "state").exists()
    State(folder / "state")
    assert "is not running: start it" in str(run(*command, "--state", folder / "state", env=NOWHERE).exception)


@pytest.mark.parametrize(
    "command", [("land",), ("rollback",), ("dead-letters", "list"), ("prepare",), ("status",), ("dbt", "run")]
)
def test_no_command_makes_a_state(folder, command):
    run(*command)
    run(*command, env=NOWHERE)
    assert list(folder.iterdir()) == []


@pytest.mark.usefixtures("folder")
def test_what_is_missing_is_named():
    refused = run("land", env={"KAFKA_URL": "127.0.0.1:1"})
    assert str(refused.exception).startswith("not set: WAREHOUSE_LOADER_URL;")


@pytest.mark.usefixtures("folder")
def test_what_is_going_to_be_changed_is_said_first_and_without_its_password():
    refused = run("land", env=NOWHERE)
    assert refused.stderr == "using KAFKA_URL 127.0.0.1:1, WAREHOUSE_LOADER_URL 127.0.0.1:1/warehouse\n"


def test_what_a_stack_will_use_of_others_is_said_before_it_starts(folder):
    State(folder / "state")
    refused = run("up", "--state", folder / "state", "--port", "none=1", env={"KAFKA_URL": "kafka.example:9092"})
    assert refused.stderr == f"using the stack of {folder / 'state'}, with KAFKA_URL\n"
    assert run("down", "--state", folder / "state", env=NOWHERE).stderr == f"using the stack of {folder / 'state'}\n"


def test_addresses_are_shown_without_their_secrets():
    assert location("postgresql://role:secret@db.example:5432/catalog?sslmode=require") == "db.example:5432/catalog"
    assert location("kafka-1:9092,kafka-2:9092") == "kafka-1:9092,kafka-2:9092"
    assert location("http://catalog.example/") == "catalog.example"
    assert location("host=db password='a b' dbname=shop") == "host=db password=… dbname=shop"
    assert (
        location("postgresql:///shop?host=/run&password=p&port=1") == "postgresql:///shop?host=/run&password=…&port=1"
    )


@pytest.mark.usefixtures("folder")
def test_a_part_that_does_not_answer_shows_in_the_status_and_ends_it_with_3():
    shown = run("status", env=NOWHERE)
    assert shown.exit_code == 3
    assert shown.stdout.count("not answering") == 2


@pytest.mark.usefixtures("folder")
def test_what_is_no_address_shows_in_the_status_too():
    shown = run("status", env={"REDIS_URL": "cache:6379", "CATALOG_URL": "http://catalog:port"})
    assert shown.exit_code == 3, shown.exception
    assert shown.stdout.count("not answering") == 2


def test_a_stack_goes_by_what_it_was_started_with_and_not_by_the_shell(state):
    Environment.starting(state, None, {"KAFKA_URL": "kafka.example:9092"})
    shell = {"KAFKA_URL": "other.example:9092", "CATALOG_URL": "http://other.example", "AUTH_ISSUER": "other"}
    variables = Environment.running(state, shell).variables
    assert variables["KAFKA_URL"] == "kafka.example:9092"
    assert variables["CATALOG_URL"].startswith("http://127.0.0.1:")
    assert variables["AUTH_ISSUER"] == "https://tanawari.local"


def test_the_login_of_another_broker_in_the_shell_reaches_no_state(state, monkeypatch):
    login = {"KAFKA_SASL_USERNAME": "u", "KAFKA_SASL_PASSWORD": "secret", "KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT"}
    for name, value in {"KAFKA_URL": "other.example:9092", "LANDING_GROUP": "other", **login}.items():
        monkeypatch.setenv(name, value)
    Environment.starting(state, None, {})
    environment = Environment.running(state)
    variables = environment.variables
    for settings in (environment.kafka, landing_settings(variables), Target.of(variables, "").kafka):
        assert settings.kafka_url == environment.variables["KAFKA_URL"]
        assert (settings.kafka_security_protocol, settings.kafka_sasl_password) == ("PLAINTEXT", None)


def test_dbt_reads_what_it_works_on_and_nothing_else_that_is_set(folder, monkeypatch):
    (folder / "url").write_text("postgresql://tanawari_dbt:s@db.example/warehouse\n")
    seen = {}
    monkeypatch.setattr(
        pipelines.dbt, "main", lambda words: seen.update(words=words, variables=resolved(os.environ)) or 0
    )
    words = ["build", "--select", "state:modified", "--state", "before"]
    with patch.dict(os.environ):
        shown = run("dbt", *words, env={"WAREHOUSE_DBT_URL_FILE": str(folder / "url")})
    assert shown.stderr == "using WAREHOUSE_DBT_URL db.example/warehouse\n"
    assert seen["words"] == words
    assert seen["variables"]["WAREHOUSE_DBT_URL"] == "postgresql://tanawari_dbt:s@db.example/warehouse"


def test_what_is_set_of_a_part_replaces_all_that_was_known_of_it_and_nothing_makes_it_our_own_again(state):
    secure = {"KAFKA_URL": "kafka:9093", "KAFKA_SASL_USERNAME": "u", "REDIS_URL": "redis://cache/0"}
    login = {"KAFKA_SECURITY_PROTOCOL": "SASL_SSL", "KAFKA_SASL_PASSWORD": "p"}
    Environment.starting(state, None, secure | login)
    assert at_start(state, {})["KAFKA_SASL_USERNAME"] == "u"
    Environment.starting(state, None, {"KAFKA_URL": "plain:9092"})
    assert at_start(state, {}) == {"KAFKA_URL": "plain:9092", "REDIS_URL": "redis://cache/0"}
    assert Environment.starting(state, None, {"KAFKA_URL": ""}).needs("broker")
    assert at_start(state, {}) == {"REDIS_URL": "redis://cache/0"}


def test_what_concerns_the_search_is_remembered_and_leaves_the_rest_of_the_catalog(state):
    stored = {"CATALOG_IMAGES_BUCKET": "b", "CATALOG_SEARCH_URL": "https://search", "CATALOG_SEARCH_INDEX": "i"}
    Environment.starting(state, None, stored)
    assert at_start(state, {"CATALOG_SYNONYMS_FILE": "/words"}) == stored | {"CATALOG_SYNONYMS_FILE": "/words"}
    assert at_start(state, {"CATALOG_SEARCH_URL": ""}) == {"CATALOG_IMAGES_BUCKET": "b"}


def test_a_variable_that_only_looks_like_one_of_the_broker_makes_a_stack_forget_nothing(state):
    Environment.starting(state, None, {"KAFKA_URL": "kafka:9092"})
    assert at_start(state, {"KAFKA_HOME": "/opt/kafka"})["KAFKA_URL"] == "kafka:9092"


def test_every_setting_of_the_connection_to_the_broker_is_remembered():
    settings = {str(field.validation_alias) for field in KafkaSettings.model_fields.values()}
    assert storable(dict.fromkeys(settings, "x"), ()).keys() == settings


def test_the_file_of_a_secret_is_remembered_and_not_the_secret(state, tmp_path, monkeypatch):
    (tmp_path / "url").write_text("postgresql://catalog:secret@db.example/catalog\n")
    monkeypatch.chdir(tmp_path)
    Environment.starting(state, None, {"CATALOG_DATABASE_URL_FILE": "url"})
    monkeypatch.chdir("/")
    assert Environment.running(state, {}).external == {
        "CATALOG_DATABASE_URL": "postgresql://catalog:secret@db.example/catalog"
    }
    assert ":secret@" not in state.path("outside.json").read_text()


@pytest.mark.usefixtures("folder")
def test_nothing_to_work_on_is_said_with_the_remedy():
    with pytest.raises(StateError, match=r"there is no stack in .tanawari: run tanawari up"):
        at(None)
