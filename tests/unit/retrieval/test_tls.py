"""TLS: the certificate is checked, and without one nothing is understood."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from foresight.errors import FinalError
from foresight.retrieval.client import Asked, RetrievalClient, ServiceUnavailable
from foresight.retrieval.server import Address, Tls, serving
from tests.unit.retrieval.memory import Memory
from tests.unit.retrieval.rooms import Tokens

pytestmark = pytest.mark.loopback


def certificate(folder: Path, name: str) -> Tls:
    """A certificate of ``localhost`` that signs itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    files = Tls(folder / f"{name}.pem", folder / f"{name}.key")
    files.certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    files.key.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return files


async def rows(address: str, trusted: Path | None) -> int:
    async with RetrievalClient(address, lambda: "good", trusted) as client:
        return sum([len(chunk.rows) async for chunk in client.chunks("ListDecomposition", Asked())])


def test_a_trusted_certificate_is_wanted(tmp_path: Path) -> None:
    own, other = certificate(tmp_path, "own"), certificate(tmp_path, "other")

    async def run() -> int:
        async with serving(Address("127.0.0.1", 0, own), Memory(1, 10), Tokens()) as port:
            with pytest.raises(ServiceUnavailable):
                await rows(f"localhost:{port}", other.certificate)
            with pytest.raises(ServiceUnavailable):
                await rows(f"localhost:{port}", None)
            return await rows(f"localhost:{port}", own.certificate)

    assert asyncio.run(run()) == 10


def test_tls_files_that_are_not_there_are_named(tmp_path: Path) -> None:
    missing = Tls(tmp_path / "none.pem", tmp_path / "none.key")

    async def run() -> None:
        async with serving(Address("127.0.0.1", 0, missing), Memory(1), Tokens()):
            pass

    with pytest.raises(FinalError, match=r"none\.key cannot be read"):
        asyncio.run(run())
