"""The connection settings of every Kafka client: addresses of the brokers, TLS and login.

AIOKafkaProducer(**settings.client_arguments(), acks="all")
async with settings.explained():    # an error names the wrong setting, as far as the broker reveals it
    await producer.start()
"""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final, Literal, Self

from aiokafka.conn import collect_hosts, create_conn
from aiokafka.errors import (
    KafkaConnectionError,
    KafkaError,
    SaslAuthenticationFailed,
    UnknownError,
    UnsupportedSaslMechanismError,
)
from pydantic import Field, FilePath, SecretStr, field_validator, model_validator

from services.contracts.settings import Settings

VOLATILE = "tanawari-"
"""The prefix of the embedded broker's cluster id; it has a new id, and an empty log, at every start."""
PROBE_MS = 3_000
COMPRESSION: Final = "zstd"
"""Of every producer: aiokafka packs by lz4 at its highest effort: seven times the processor time, and larger."""


class KafkaSettings(Settings):
    """The connection; each field is read from the environment variable of the same name in capitals."""

    kafka_url: str = Field(validation_alias="KAFKA_URL")
    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        "PLAINTEXT", validation_alias="KAFKA_SECURITY_PROTOCOL"
    )
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = Field(
        "PLAIN", validation_alias="KAFKA_SASL_MECHANISM"
    )
    kafka_sasl_username: str | None = Field(None, validation_alias="KAFKA_SASL_USERNAME")
    kafka_sasl_password: SecretStr | None = Field(None, validation_alias="KAFKA_SASL_PASSWORD")
    kafka_ssl_ca_file: FilePath | None = Field(None, validation_alias="KAFKA_SSL_CA_FILE")
    kafka_ssl_cert_file: FilePath | None = Field(None, validation_alias="KAFKA_SSL_CERT_FILE")
    kafka_ssl_key_file: FilePath | None = Field(None, validation_alias="KAFKA_SSL_KEY_FILE")

    @field_validator("kafka_url")
    @classmethod
    def _has_hosts(cls, url: str) -> str:
        try:
            collect_hosts(url)
        except ValueError as error:
            raise ValueError("expected host:port, several of them separated by commas") from error
        return url

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        """Refuse settings that would not be used: whoever sets a password expects it to be used."""
        protocol = self.kafka_security_protocol
        login = (self.kafka_sasl_username, self.kafka_sasl_password)
        files = (self.kafka_ssl_ca_file, self.kafka_ssl_cert_file, self.kafka_ssl_key_file)
        if protocol.startswith("SASL") and not all(login):
            raise ValueError(f"KAFKA_SECURITY_PROTOCOL={protocol} needs KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD")
        if any(login) and not protocol.startswith("SASL"):
            raise ValueError(f"KAFKA_SASL_* is set, but a login needs KAFKA_SECURITY_PROTOCOL=SASL_SSL, not {protocol}")
        if any(files) and not protocol.endswith("SSL"):
            raise ValueError(f"KAFKA_SSL_* is set, but TLS needs KAFKA_SECURITY_PROTOCOL=SSL or SASL_SSL: {protocol}")
        if self.kafka_ssl_key_file and not self.kafka_ssl_cert_file:
            raise ValueError("KAFKA_SSL_KEY_FILE needs KAFKA_SSL_CERT_FILE, the certificate that it belongs to")
        return self

    def client_arguments(self) -> dict[str, Any]:
        """The constructor arguments of aiokafka clients; files are read again, so a renewed certificate is used."""
        password = self.kafka_sasl_password
        return {
            "bootstrap_servers": self.kafka_url,
            "security_protocol": self.kafka_security_protocol,
            "sasl_mechanism": self.kafka_sasl_mechanism,
            "sasl_plain_username": self.kafka_sasl_username,
            "sasl_plain_password": password.get_secret_value() if password else None,
            "ssl_context": self._tls() if self.kafka_security_protocol.endswith("SSL") else None,
        }

    def _tls(self) -> ssl.SSLContext:
        """Verify the broker with the given CA, else with the system's CAs, and present our certificate, if any."""
        context = ssl.create_default_context(cafile=self.kafka_ssl_ca_file)
        if self.kafka_ssl_cert_file:
            context.load_cert_chain(self.kafka_ssl_cert_file, self.kafka_ssl_key_file)
        return context

    @asynccontextmanager
    async def explained(self, *, is_idempotent: bool = False) -> AsyncIterator[None]:
        """Wraps a client's start, which hides why no broker accepted it: each is tried once more for the reason.

        Args:
            is_idempotent: whether the client is an idempotent producer; then an unknown error has one cause.
        """
        try:
            yield
        except KafkaConnectionError as error:
            reasons = [await self._refusal(host, port) for host, port, _ in collect_hosts(self.kafka_url)]
            raise KafkaConnectionError("; ".join(reasons)) from error
        except UnknownError as error:  # of the request that an idempotent producer begins with
            if not is_idempotent:
                raise
            remedy = "set KAFKA_IDEMPOTENCE=false, as the embedded broker needs it"
            raise KafkaError(f"{self.kafka_url} does not support idempotent producers: {remedy}") from error

    async def _refusal(self, host: str, port: int) -> str:
        arguments = self.client_arguments()
        del arguments["bootstrap_servers"]
        try:
            (await create_conn(host, port, request_timeout_ms=PROBE_MS, **arguments)).close()
        except ssl.SSLCertVerificationError as error:
            told = f"shows a certificate that is not trusted ({error.verify_message}): see KAFKA_SSL_CA_FILE"
        except SaslAuthenticationFailed:
            told = f"refuses the login of {self.kafka_sasl_username}: see KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD"
        except UnsupportedSaslMechanismError:
            told = f"does not know {self.kafka_sasl_mechanism}: see KAFKA_SASL_MECHANISM"
        except (ssl.SSLError, KafkaError) as error:
            told = f"ends connections of {self.kafka_security_protocol}: see KAFKA_SECURITY_PROTOCOL ({error})"
        except OSError as error:
            told = f"cannot be reached: {str(error) or type(error).__name__}"
        else:
            told = "answers again"
        return f"{host}:{port} {told}"
