import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, UnknownError

from services.contracts.kafka import KafkaSettings
from services.contracts.setting_errors import SettingError

LOGIN = {"KAFKA_SASL_USERNAME": "tanawari", "KAFKA_SASL_PASSWORD": "broker-secret"}
TLS = {"KAFKA_SECURITY_PROTOCOL": "SSL"}


@pytest.fixture
def settings(monkeypatch):
    """The settings of an environment."""

    def read(**told):
        for name, value in told.items():
            monkeypatch.setenv(name, value)
        return KafkaSettings()

    return read


def test_without_more_than_brokers_a_client_speaks_plainly(settings):
    arguments = settings(KAFKA_URL="one:9092,two:9092").client_arguments()
    assert (arguments["bootstrap_servers"], arguments["security_protocol"]) == ("one:9092,two:9092", "PLAINTEXT")
    assert arguments["ssl_context"] is None


def test_the_environment_says_how_to_log_in_over_tls(settings):
    told = {"KAFKA_SECURITY_PROTOCOL": "SASL_SSL", "KAFKA_SASL_MECHANISM": "SCRAM-SHA-512"}
    arguments = settings(KAFKA_URL="kafka:9093", **told, **LOGIN).client_arguments()
    assert (arguments["sasl_mechanism"], arguments["sasl_plain_password"]) == ("SCRAM-SHA-512", "broker-secret")
    assert arguments["ssl_context"].check_hostname


@pytest.mark.parametrize(
    ("told", "remedy"),
    [
        ({"KAFKA_SECURITY_PROTOCOL": "SASL_SSL"}, "needs KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD"),
        (LOGIN, "a login needs KAFKA_SECURITY_PROTOCOL=SASL_SSL, not PLAINTEXT"),
        ({"KAFKA_SSL_CA_FILE": __file__}, "TLS needs KAFKA_SECURITY_PROTOCOL=SSL or SASL_SSL"),
        ({**TLS, "KAFKA_SSL_KEY_FILE": __file__}, "needs KAFKA_SSL_CERT_FILE"),
        ({**TLS, "KAFKA_SSL_CA_FILE": "/nowhere"}, "KAFKA_SSL_CA_FILE"),
        ({"KAFKA_SECURITY_PROTOCOL": "TLS"}, "KAFKA_SECURITY_PROTOCOL"),
        ({"KAFKA_URL": "kafka:9093,other:port"}, r"^KAFKA_URL: expected host:port, several of them"),
    ],
)
def test_settings_that_do_not_fit_together_are_refused_by_name_and_no_secret_is_told(settings, told, remedy):
    with pytest.raises(SettingError, match=remedy) as refused:
        settings(**{"KAFKA_URL": "kafka:9093", **told})
    assert "broker-secret" not in str(refused.value)


async def test_a_broker_without_idempotent_producers_is_told_with_the_remedy(broker):
    producer = AIOKafkaProducer(**broker.settings.client_arguments(), enable_idempotence=True)
    try:
        with pytest.raises(KafkaError, match=f"{broker.url} does not support .* set KAFKA_IDEMPOTENCE=false"):
            async with broker.settings.explained(is_idempotent=True):
                await producer.start()
    finally:
        await producer.stop()


async def test_an_unknown_error_of_other_clients_says_nothing_of_producers():
    with pytest.raises(UnknownError):
        async with KafkaSettings(kafka_url="kafka:9092").explained():
            raise UnknownError
