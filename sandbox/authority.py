"""Whom a client of the sandbox trusts: a TLS authority, and the root of the Noise certificates.

The server proves its Noise key with two certificates. The intermediate one has issuer serial 0
and is signed by the root key, which clients carry in their code; the leaf's issuer is the
intermediate one, and its key is the server's static Noise key.
"""

from __future__ import annotations

import datetime as dt
import os
import ssl
import time
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from sandbox import protobufs
from sandbox.signal.keys import KeyPair
from sandbox.state.database import Database

HOSTS: Final = ("whatsapp.com", "whatsapp.net")
_LIFETIME: Final = dt.timedelta(days=3650)
_SKEW: Final = dt.timedelta(days=1)


def is_whatsapp(host: str) -> bool:
    """Whether a host is one that the sandbox stands in for."""
    return any(host == name or host.endswith("." + name) for name in HOSTS)


class NoiseAuthority:
    """The root key, the server's static Noise key, and the chain between them."""

    def __init__(self, database: Database) -> None:
        self.root = _kept_pair(database, "noise.root")
        self.static = _kept_pair(database, "noise.static")
        intermediate = _kept_pair(database, "noise.intermediate")
        chain = protobufs.cert.CertChain()
        _certify(chain.intermediate, self.root, serial=1, issuer=0, key=intermediate.public)
        _certify(chain.leaf, intermediate, serial=2, issuer=1, key=self.static.public)
        self.chain: bytes = chain.SerializeToString()


def tls_context(folder: Path) -> ssl.SSLContext:
    """The TLS side of a server that has ``server.pem`` in the folder, made on first use.

    No application protocol is offered: the client would choose HTTP/2 and then speak WebSocket.
    """
    if not (folder / "server.pem").exists():
        _make_certificates(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem")
    return context


def _kept_pair(database: Database, name: str) -> KeyPair:
    pair = KeyPair(database.get(name))
    database.put(name, pair.seed)
    return pair


def _certify(certificate: object, signer: KeyPair, *, serial: int, issuer: int, key: bytes) -> None:
    now = int(time.time())
    details = protobufs.cert.CertChain.NoiseCertificate.Details(
        serial=serial,
        issuerSerial=issuer,
        key=key,
        notBefore=now - int(_SKEW.total_seconds()),
        notAfter=now + int(_LIFETIME.total_seconds()),
    ).SerializeToString()
    certificate.details = details  # type: ignore[attr-defined]
    certificate.signature = signer.sign(details)  # type: ignore[attr-defined]


def _make_certificates(folder: Path) -> None:
    """Write ``ca.pem`` and, last, ``server.pem`` with its key."""
    ca_key = ec.generate_private_key(ec.SECP256R1())
    ca_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "botmesh sandbox authority")])
    ca = _certificate(ca_name, ca_name, ca_key.public_key())
    ca = ca.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "botmesh sandbox")])
    names = [x509.DNSName(name) for host in HOSTS for name in (host, "*." + host)]
    leaf = _certificate(name, ca_name, key.public_key())
    leaf = leaf.add_extension(x509.SubjectAlternativeName(names), critical=False)
    leaf = leaf.add_extension(
        x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False
    )
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    pem = serialization.Encoding.PEM
    _write(folder / "ca.pem", ca.sign(ca_key, hashes.SHA256()).public_bytes(pem))
    _write(folder / "server.pem", private + leaf.sign(ca_key, hashes.SHA256()).public_bytes(pem))


def _certificate(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey
) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    return x509.CertificateBuilder(
        subject_name=subject,
        issuer_name=issuer,
        public_key=key,
        serial_number=x509.random_serial_number(),
        not_valid_before=now - _SKEW,
        not_valid_after=now + _LIFETIME,
    )


def _write(path: Path, data: bytes) -> None:
    part = path.with_suffix(".part")
    with os.fdopen(os.open(part, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "wb") as file:
        file.write(data)
    part.replace(path)
