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
_CA_NAME: Final = "botmesh sandbox authority"


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
    certificate.details = details  # type: ignore[attr-defined]  # a protobuf
    certificate.signature = signer.sign(details)  # type: ignore[attr-defined]  # a protobuf


def _make_certificates(folder: Path) -> None:
    """Write ``ca.pem`` and, last, ``server.pem`` with its key."""
    ca_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    ca = _certificate(ca_key.public_key(), ca_key, _CA_NAME)
    ca = ca.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    ca = ca.add_extension(_key_usage(signs_certificates=True), critical=True)
    leaf = _certificate(key.public_key(), ca_key, "botmesh sandbox")
    leaf = leaf.add_extension(_key_usage(signs_certificates=False), critical=True)
    for extension in (
        x509.SubjectAlternativeName(
            [x509.DNSName(name) for host in HOSTS for name in (host, "*." + host)]
        ),
        x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]),
    ):
        leaf = leaf.add_extension(extension, critical=False)
    pem = serialization.Encoding.PEM
    private = key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    _write(folder / "ca.pem", ca.sign(ca_key, hashes.SHA256()).public_bytes(pem))
    _write(folder / "server.pem", private + leaf.sign(ca_key, hashes.SHA256()).public_bytes(pem))


def _certificate(
    key: ec.EllipticCurvePublicKey, issuer: ec.EllipticCurvePrivateKey, name: str
) -> x509.CertificateBuilder:
    """What both certificates share; strict clients want both key identifiers."""
    now = dt.datetime.now(dt.UTC)
    return x509.CertificateBuilder(
        subject_name=_name(name),
        issuer_name=_name(_CA_NAME),
        public_key=key,
        serial_number=x509.random_serial_number(),
        not_valid_before=now - _SKEW,
        not_valid_after=now + _LIFETIME,
        extensions=[
            x509.Extension(extension.oid, critical=False, value=extension)
            for extension in (
                x509.SubjectKeyIdentifier.from_public_key(key),
                x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.public_key()),
            )
        ],
    )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _write(path: Path, data: bytes) -> None:
    part = path.with_suffix(".part")
    with os.fdopen(os.open(part, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "wb") as file:
        file.write(data)
    part.replace(path)
