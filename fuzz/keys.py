"""The keys of the issuers that are fuzzed, and what verifies them on its own.

They are derived from their names, so that inputs can be tried again anywhere; they
are no secrets, and nobody ever used them for anything else.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable, Mapping
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)
from cryptography.hazmat.primitives.hashes import SHA256

__all__ = ["GOOD_JWKS", "SECRET", "SIGNERS", "encode", "is_signed"]


def encode(data: bytes) -> str:
    """Return base64url without padding. RFC 7515 section 2."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _octets(name: str, length: int = 32) -> bytes:
    return hashlib.shake_256(f"django-oidc-rs fuzz: {name}".encode()).digest(length)


SECRET = _octets("HS256")
"""The shared secret of one of the issuers."""

_EC = ec.derive_private_key(int.from_bytes(_octets("ES256"), "big"), ec.SECP256R1())
_ED = ed25519.Ed25519PrivateKey.from_private_bytes(_octets("Ed25519"))
_HALF = 32


def _es256(signing_input: bytes) -> bytes:
    r, s = decode_dss_signature(_EC.sign(signing_input, ec.ECDSA(SHA256())))
    return r.to_bytes(_HALF, "big") + s.to_bytes(_HALF, "big")


SIGNERS: Mapping[str, Callable[[bytes], bytes]] = {
    "ES256": _es256,
    "EdDSA": _ED.sign,
    "Ed25519": _ED.sign,
    "HS256": lambda signing_input: hmac.digest(SECRET, signing_input, "sha256"),
}
"""Algorithm -> the signature over a signing input."""


def _public_jwks() -> dict[str, Any]:
    point = _EC.public_key().public_numbers()
    # Nobody knows the factors: with this one, nothing can be signed at all.
    modulus = bytearray(_octets("RS256", 256))
    modulus[0] |= 0x80
    modulus[-1] |= 1
    return {
        "keys": [
            {
                "kty": "EC",
                "kid": "ec",
                "use": "sig",
                "crv": "P-256",
                "x": encode(point.x.to_bytes(_HALF, "big")),
                "y": encode(point.y.to_bytes(_HALF, "big")),
            },
            {
                "kty": "OKP",
                "kid": "ed",
                "use": "sig",
                "crv": "Ed25519",
                "x": encode(_ED.public_key().public_bytes_raw()),
            },
            {"kty": "RSA", "kid": "rsa", "n": encode(bytes(modulus)), "e": "AQAB"},
        ]
    }


GOOD_JWKS = _public_jwks()
"""The JWK Set of the issuers that publish one; every key of it is good."""


def is_signed(algorithm: object, signing_input: bytes, signature: bytes) -> bool:
    """Whether one of the keys signed this, without a line of the library or PyJWT."""
    try:
        if algorithm == "HS256":
            mac = hmac.digest(SECRET, signing_input, "sha256")
            return hmac.compare_digest(mac, signature)
        if algorithm in {"EdDSA", "Ed25519"}:
            _ED.public_key().verify(signature, signing_input)
            return True
        if algorithm == "ES256" and len(signature) == 2 * _HALF:
            r, s = signature[:_HALF], signature[_HALF:]
            _EC.public_key().verify(
                encode_dss_signature(
                    int.from_bytes(r, "big"), int.from_bytes(s, "big")
                ),
                signing_input,
                ec.ECDSA(SHA256()),
            )
            return True
    except InvalidSignature:
        pass
    return False
