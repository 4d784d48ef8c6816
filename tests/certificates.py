"""An authority of the tests' own, and certificates that it signs: for servers on this machine, and for clients."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID


@dataclass(frozen=True)
class Certificate:
    """A certificate and its key as PEM files; `both` holds one behind the other, as Kafka's key stores want it."""

    certificate: Path
    key: Path
    both: Path


class Authority:
    """An authority whose own certificate is `file`."""

    def __init__(self, directory: Path, name: str = "authority") -> None:
        self._directory = directory
        self._name = _named(name)
        self._key = ec.generate_private_key(ec.SECP256R1())
        self.file = directory / f"{name}.pem"
        made = self._signed(self._name, self._key.public_key(), x509.BasicConstraints(ca=True, path_length=None))
        self.file.write_bytes(made)

    def issue(self, name: str) -> Certificate:
        """A certificate of this name, good for 127.0.0.1 and localhost."""
        key = ec.generate_private_key(ec.SECP256R1())
        places = x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1")), x509.DNSName("localhost")])
        certificate = self._signed(_named(name), key.public_key(), places)
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        contents = {"crt": certificate, "key": private, "both.pem": private + certificate}
        files = [self._directory / f"{name}.{ending}" for ending in contents]
        for file, content in zip(files, contents.values(), strict=True):
            file.touch(mode=0o600)
            file.write_bytes(content)
        return Certificate(*files)

    def _signed(self, subject: x509.Name, key: ec.EllipticCurvePublicKey, extension: x509.ExtensionType) -> bytes:
        now = datetime.now(UTC)
        builder = x509.CertificateBuilder(self._name, subject, key, x509.random_serial_number())
        builder = builder.not_valid_before(now - timedelta(hours=1)).not_valid_after(now + timedelta(days=2))
        signed = builder.add_extension(extension, critical=False).sign(self._key, SHA256())
        return signed.public_bytes(Encoding.PEM)


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
