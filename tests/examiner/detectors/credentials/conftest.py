"""A photograph with content credentials, signed by a certificate made for the test."""

import datetime
import io
from collections.abc import Callable

import c2pa
import numpy as np
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from PIL import Image

Certified = tuple[ec.EllipticCurvePrivateKey, x509.Certificate]


def _certified(name: str, issuer: Certified | None = None) -> Certified:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Test Camera Makers"),
            x509.NameAttribute(NameOID.COMMON_NAME, name),
        ]
    )
    is_root = issuer is None
    by = key if issuer is None else issuer[0]
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject if issuer is None else issuer[1].subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.datetime(2020, 1, 1))
        .not_valid_after(datetime.datetime(2120, 1, 1))
        .add_extension(x509.BasicConstraints(is_root, None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(by.public_key()), critical=False)
        .add_extension(
            x509.KeyUsage(not is_root, False, False, False, False, is_root, is_root, False, False), critical=True
        )
    )
    if not is_root:
        builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False)
    return key, builder.sign(by, hashes.SHA256())


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


@pytest.fixture(scope="session")
def root() -> Certified:
    return _certified("Test root")


@pytest.fixture(scope="session")
def trust(root: Certified) -> str:
    return _pem(root[1]).decode()


@pytest.fixture(scope="session")
def plain() -> bytes:
    pixels = np.random.default_rng(9).integers(0, 256, (64, 96, 3), np.uint8)
    saved = io.BytesIO()
    Image.fromarray(pixels).save(saved, "JPEG", quality=90)
    return saved.getvalue()


@pytest.fixture(scope="session")
def sign(root: Certified, plain: bytes) -> Callable[..., bytes]:
    """Return what signs the plain photograph; with an address, the manifest is not embedded but named by it."""

    def signed(source: str = "digitalCapture", address: str | None = None) -> bytes:
        key, certificate = _certified("Unit 5712345", root)
        secret = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        chain = _pem(certificate) + _pem(root[1])
        signer = c2pa.Signer.from_info(c2pa.C2paSignerInfo(c2pa.C2paSigningAlg.ES256, chain, secret, None))
        action = {
            "action": "c2pa.created",
            "digitalSourceType": f"http://cv.iptc.org/newscodes/digitalsourcetype/{source}",
        }
        manifest = {
            "claim_generator_info": [{"name": "Firmware", "version": "1.2"}],
            "title": "harbour",
            "assertions": [{"label": "c2pa.actions.v2", "data": {"actions": [action]}}],
        }
        settings = {"verify": {"verify_after_sign": False}, "builder": {"thumbnail": {"enabled": False}}}
        builder = c2pa.Builder(manifest, context=c2pa.Context.from_dict(settings))
        if address is not None:
            builder.set_no_embed()
            builder.set_remote_url(address)
        saved = io.BytesIO()
        builder.sign(signer, "image/jpeg", io.BytesIO(plain), saved)
        return saved.getvalue()

    return signed


@pytest.fixture(scope="session")
def signed(sign: Callable[..., bytes]) -> bytes:
    return sign()


@pytest.fixture(scope="session")
def stranger() -> str:
    """Return the certificate of somebody who has signed nothing."""
    return _pem(_certified("Somebody else")[1]).decode()
