from pathlib import Path

import pytest

from services.contracts.setting_errors import SettingError
from stack.environment import Environment
from stack.history import HistoryRecord
from stack.programs import PROGRAMS, program_ports
from stack.state import BrokerKind, State, StateError

CATALOG = next(program for program in PROGRAMS if program.name == "catalog")

SERVICES = {"auth", "profile", "catalog", "cart", "payment", "order", "analytics", "content", "serving"}


@pytest.fixture
def ports(state: State):
    return state.ports(program_ports())


def test_a_program_is_given_its_own_database_and_no_other(state, ports):
    given = Environment(state, ports, {}).of(CATALOG)
    assert {name for name in given if name.endswith("DATABASE_URL")} == {"CATALOG_DATABASE_URL"}
    assert not any(name.startswith("WAREHOUSE_") for name in given)


def test_no_program_is_given_the_address_of_who_may_make_databases(state, ports):
    environment = Environment(state, ports, {"POSTGRES_ADMIN_URL": "postgresql://admin:secret@db.example/postgres"})
    assert not any("POSTGRES_ADMIN_URL" in environment.of(program) for program in PROGRAMS)


def test_every_part_is_embedded_unless_its_url_is_given(state, ports):
    environment = Environment(state, ports, {"KAFKA_URL": "kafka.example:9092"})
    assert not environment.needs("broker")
    assert environment.needs("valkey")
    assert environment.needs("postgres")
    assert environment.variables["KAFKA_URL"] == "kafka.example:9092"
    assert environment.variables["KAFKA_IDEMPOTENCE"] == "true"


def test_a_broker_of_yours_is_reached_as_you_say_and_only_who_uses_it_knows_the_password(state, ports):
    login = {"KAFKA_SASL_USERNAME": "tanawari", "KAFKA_SASL_PASSWORD": "secret"}
    environment = Environment(state, ports, {"KAFKA_URL": "kafka:9093", "KAFKA_SECURITY_PROTOCOL": "SASL_SSL", **login})
    assert environment.kafka.client_arguments()["sasl_plain_username"] == "tanawari"
    told = {program.name for program in PROGRAMS if "KAFKA_SASL_PASSWORD" in environment.of(program)}
    assert told == {*SERVICES, "gateway", "landing", "dagster-code"}


def test_a_secret_from_a_file_is_told_to_who_reads_it_and_its_file_to_nobody(state, ports, tmp_path):
    (tmp_path / "url").write_text("postgresql://catalog:secret@db.example/catalog\n")
    environment = Environment(state, ports, {"CATALOG_DATABASE_URL_FILE": str(tmp_path / "url")})
    assert environment.external == {"CATALOG_DATABASE_URL": "postgresql://catalog:secret@db.example/catalog"}
    told = {program.name for program in PROGRAMS if "CATALOG_DATABASE_URL" in environment.of(program)}
    assert told == {"catalog"}
    assert not any("CATALOG_DATABASE_URL_FILE" in environment.of(program) for program in PROGRAMS)


@pytest.mark.parametrize(
    ("outside", "message"),
    [
        ({"KAFKA_SECURITY_PROTOCOL": "SSL"}, "set KAFKA_URL too"),
        ({"KAFKA_URL": "kafka:9093", "KAFKA_SECURITY_PROTOCOL": "TLS"}, "KAFKA_SECURITY_PROTOCOL=TLS: Input should be"),
        ({"KAFKA_URL": "kafka:9093", "KAFKA_SECURITY_PROTOCOL": "SASL_SSL"}, "^KAFKA_.* needs KAFKA_SASL_USERNAME"),
    ],
)
def test_what_is_said_of_the_broker_has_to_fit_together(state, ports, outside, message):
    with pytest.raises((StateError, SettingError), match=message):
        Environment(state, ports, outside)


def test_apache_kafka_is_run_with_idempotent_producers_once_it_was_chosen(state, ports):
    assert Environment(state, ports, {}).variables["KAFKA_IDEMPOTENCE"] == "false"
    state.choose_broker(BrokerKind.APACHE)
    environment = Environment(State(state.directory), ports, {})
    assert environment.runs(BrokerKind.APACHE)
    assert environment.variables["KAFKA_IDEMPOTENCE"] == "true"
    assert not Environment(state, ports, {"KAFKA_URL": "kafka.example:9092"}).runs(BrokerKind.APACHE)


def test_the_embedded_server_is_needed_until_all_databases_are_elsewhere(state, ports):
    own = Environment(state, ports, {})
    elsewhere = {name: "postgresql://role@db.example/x" for name in own.variables if name.endswith("DATABASE_URL")}
    assert Environment(state, ports, elsewhere).needs("postgres")  # the warehouse's other roles are still here
    elsewhere |= {name: "postgresql://role@db.example/x" for name in own.variables if name.startswith("WAREHOUSE_")}
    assert not Environment(state, ports, elsewhere).needs("postgres")


def test_nothing_sends_telemetry(state, ports):
    given = Environment(state, ports, {}).of(CATALOG)
    assert given["MLFLOW_DISABLE_TELEMETRY"] == "true"
    assert given["DO_NOT_TRACK"] == "1"
    assert given["DBT_SEND_ANONYMOUS_USAGE_STATS"] == "false"


def test_the_evaluation_moves_with_the_history(state, ports):
    assert "TANAWARI_EVALUATION_TEST_START" not in Environment(state, ports, {}).variables
    HistoryRecord(shift_weeks=464, evaluation_starts_at="2026-10-26T05:00:00Z", shoppers=("900", "1")).write(
        state.directory
    )
    variables = Environment(state, ports, {}).variables
    assert variables["TANAWARI_EVALUATION_TEST_START"] == "2026-10-26T05:00:00+00:00"
    assert variables["GATEWAY_PREVIEW_SHOPPERS"] == '["900", "1"]'


def test_a_record_whose_shoppers_were_called_households_is_read(state):
    (state.directory / "history.json").write_text('{"shift_weeks": 464, "households": ["900"]}')
    assert HistoryRecord.read(state.directory).shoppers == ("900",)


def test_only_the_demo_signs_for_whoever_asks_and_each_process_has_its_own_key(state, ports):
    assert "GATEWAY_PREVIEW_LOGIN" not in Environment(state, ports, {}).variables
    HistoryRecord(source="shop", shift_weeks=0).write(state.directory)
    assert Environment(state, ports, {}).variables["GATEWAY_PREVIEW_LOGIN"] == "false"
    wished = Environment(state, ports, {"GATEWAY_PREVIEW_LOGIN": "true"}).variables
    assert (wished["GATEWAY_PREVIEW_LOGIN"], wished["AUTH_PREVIEW"]) == ("true", "true")
    HistoryRecord(shift_weeks=0).write(state.directory)
    environment = Environment(state, ports, {})
    assert environment.variables["GATEWAY_PREVIEW_LOGIN"] == "true"
    keys = {program.name: environment.of(program).get("AUTH_SIGNING_KEY_FILE", "") for program in PROGRAMS}
    told = {name: Path(key).name for name, key in keys.items() if key}
    own = ("auth", "profile", "cart", "order", "serving", "gateway")
    assert told == {**{name: f"{name}.pem" for name in own}, "dagster-code": "pipelines.pem"}


def test_services_believe_the_gateway_about_a_shoppers_address_and_the_gateway_believes_nobody(state, ports):
    environment = Environment(state, ports, {})
    believing = {program.name for program in PROGRAMS if "FORWARDED_ALLOW_IPS" in environment.of(program)}
    assert believing == SERVICES


def test_only_the_demos_grocer_sells_what_is_nothing_to_recommend(state, ports):
    HistoryRecord(shift_weeks=0).write(state.directory)
    assert Environment(state, ports, {}).variables["TANAWARI_PSEUDO_PRODUCTS"] == "grocer"
    HistoryRecord(source="shop", shift_weeks=0).write(state.directory)
    assert Environment(state, ports, {}).variables["TANAWARI_PSEUDO_PRODUCTS"] == "none"
