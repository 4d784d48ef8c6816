"""An Apache Kafka that asks for TLS, and for a login or a certificate, on listeners of their own."""

from pathlib import Path

from services.contracts.kafka import KafkaSettings
from stack.parts.kafka import Kafka
from stack.parts.process import HOST, free_port
from tests.certificates import Authority

USER, PASSWORD = "tanawari", "broker-secret"
PLAIN = "org.apache.kafka.common.security.plain.PlainLoginModule"
SCRAM = "org.apache.kafka.common.security.scram.ScramLoginModule"


class SecureKafka(Kafka):
    """SASL_SSL with PLAIN and SCRAM-SHA-512, and SSL with certificates of clients; `settings` connect to the first."""

    format_options = ("--add-scram", f"SCRAM-SHA-512=[name={USER},password={PASSWORD}]")

    def __init__(self, directory: Path) -> None:
        directory.mkdir()
        self.authority = Authority(directory)
        self.client = self.authority.issue("client")
        self._certificate = self.authority.issue("broker")
        self.sasl_url, self.ssl_url = (f"{HOST}:{free_port()}" for _ in range(2))
        super().__init__(directory, starts_fast=True)

    @property
    def settings(self) -> KafkaSettings:
        """How a client connects with a login."""
        return self.settings_with()

    def settings_with(self, **changes: object) -> KafkaSettings:
        """The same with other settings."""
        login = {"kafka_sasl_username": USER, "kafka_sasl_password": PASSWORD}
        tls = {"kafka_security_protocol": "SASL_SSL", "kafka_ssl_ca_file": self.authority.file}
        return KafkaSettings(**{"kafka_url": self.sasl_url, **tls, **login, **changes})

    def properties(self) -> dict[str, str]:
        """Its configuration with the two listeners more, and stores as PEM files."""
        ours = super().properties()
        more = f",SASL_SSL://{self.sasl_url},SSL://{self.ssl_url}"
        for name in ("listeners", "advertised.listeners"):
            ours[name] += more
        ours["listener.security.protocol.map"] += ",SASL_SSL:SASL_SSL,SSL:SSL"
        return ours | {
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": str(self._certificate.both),
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": str(self.authority.file),
            "listener.name.ssl.ssl.client.auth": "required",
            "listener.name.sasl_ssl.sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-512",
            "listener.name.sasl_ssl.plain.sasl.jaas.config": f'{PLAIN} required user_{USER}="{PASSWORD}";',
            "listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config": f"{SCRAM} required;",
        }
