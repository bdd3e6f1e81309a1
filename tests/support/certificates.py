"""A certificate for ``localhost`` and for nobody else, by an authority that only tests know, and an authority without any."""

from __future__ import annotations

import atexit
import contextlib
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from scheduler_project.local import leash


@dataclass(frozen=True)
class Certificates:
    """PEM texts of two authorities, and files of what the first has signed."""

    authority: str
    stranger: str
    certificate: Path
    key: Path

    def server(self) -> ssl.SSLContext:
        """Of a server that shows it."""
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        made.load_cert_chain(self.certificate, self.key)
        return made


@cache
def made() -> Certificates:
    """Those of this process."""
    stack = contextlib.ExitStack()
    atexit.register(stack.close)
    folder = stack.enter_context(leash.temporary_folder("carillon-certificates-"))
    ours, theirs, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(3))
    authority, stranger = _signed("tests", ours, by=ours), _signed("a stranger", theirs, by=theirs)
    (folder / "server.crt").write_text(_signed("localhost", key, by=ours, issuer="tests"))
    (folder / "server.key").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    (folder / "server.key").chmod(0o600)
    return Certificates(authority, stranger, folder / "server.crt", folder / "server.key")


def _signed(
    name: str, key: ec.EllipticCurvePrivateKey, *, by: ec.EllipticCurvePrivateKey, issuer: str | None = None
) -> str:
    """An authority's own certificate, or that of a host by an issuer."""
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder(_named(issuer or name), _named(name), key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(by.public_key()), critical=False)
    )
    if issuer is not None:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
    return builder.sign(by, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
