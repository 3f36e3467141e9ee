"""Certificate authorities and certificates that nobody else trusts."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass(frozen=True)
class Pair:
    """A certificate and its key, in PEM."""

    certificate: str
    key: str

    def write(self, directory: Path) -> tuple[Path, Path]:
        """Both as files: certificate, key."""
        paths = directory / "server.pem", directory / "server.key"
        paths[0].write_text(self.certificate)
        paths[1].write_text(self.key)
        return paths

    def context(self, directory: Path) -> ssl.SSLContext:
        """What a server needs."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*self.write(directory))
        return context


class Authority:
    """A CA of our own, and what it signs."""

    def __init__(self, name: str = "lab CA") -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _named(name)
        self._certificate = self._sign(self._name, self._key, [], ca=True)
        self.pem = self._certificate.public_bytes(serialization.Encoding.PEM).decode()

    def intermediate(self, name: str = "intermediate CA") -> Authority:
        """A CA that this one has signed; `issue` then gives its chain without this one."""
        below = Authority(name)
        below._certificate = self._sign(below._name, below._key, [], ca=True)
        below.pem = below._certificate.public_bytes(serialization.Encoding.PEM).decode()
        return below

    def issue(self, *hosts: str, days: int = 30) -> Pair:
        """A certificate for these names or addresses; negative days: expired so long ago."""
        key = ec.generate_private_key(ec.SECP256R1())
        names: list[x509.GeneralName] = [
            x509.IPAddress(ip_address(host))
            if host[0].isdigit() or ":" in host
            else x509.DNSName(host)
            for host in hosts
        ]
        certificate = self._sign(_named(hosts[0]), key, names, days=days)
        return Pair(
            certificate.public_bytes(serialization.Encoding.PEM).decode(),
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            ).decode(),
        )

    def _sign(
        self,
        subject: x509.Name,
        key: ec.EllipticCurvePrivateKey,
        names: list[x509.GeneralName],
        ca: bool = False,
        days: int = 30,
    ) -> x509.Certificate:
        now = datetime.now(timezone.utc)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=60))
            .not_valid_after(now + timedelta(days=days))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        )
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return builder.sign(self._key, hashes.SHA256())


def _named(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])
