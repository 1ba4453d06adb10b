"""JWTs by which a client proves who it is. RFC 7523 sections 2.2 and 3, RFC 7515.

The keys here are this client's own; they sign and never verify.
"""

from __future__ import annotations

import hmac
import json
import re
import secrets
from dataclasses import dataclass
from typing import Protocol

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from . import base64url
from .weak_keys import check_rsa

__all__ = [
    "ASSERTION_LIFETIME",
    "AssertionKey",
    "ClientAuthenticationError",
    "load_private_key",
    "load_secret",
    "make_assertion",
]

ASSERTION_LIFETIME = 60
"""How many seconds an assertion lives; RFC 7523 section 3 wants a short time."""

_MIN_SECRET_BYTES = 32
_PUBLIC_PEM = re.compile(r"-----BEGIN (?:[A-Z0-9]+ )*(?:PUBLIC KEY|CERTIFICATE)-----")
_PRIVATE_PEM = re.compile(r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY-----")
# Curve -> (JWS algorithm, its hash, bytes of a coordinate). RFC 7518 section 3.4.
_CURVES: dict[str, tuple[str, hashes.HashAlgorithm, int]] = {
    "secp256r1": ("ES256", hashes.SHA256(), 32),
    "secp384r1": ("ES384", hashes.SHA384(), 48),
    "secp521r1": ("ES512", hashes.SHA512(), 66),
}


class ClientAuthenticationError(ValueError):
    """These credentials authenticate no client; ``code`` is stable and says why.

    Attributes:
        code: of the credentials, ``no_client_id``, ``no_credentials``,
            ``several_credentials``, ``not_unicode``, ``malformed_bearer_token``,
            ``unusable_private_key``, ``encrypted_private_key``, ``public_key``,
            ``unsupported_private_key``, ``weak_private_key`` or ``short_secret``; of
            the method, ``unknown_method``, ``method_does_not_fit`` or
            ``no_method_fits``.

    Neither the message nor a cause holds a secret.
    """

    def __init__(self, code: str, message: str) -> None:
        """Keep the stable ``code`` beside the message for operators."""
        super().__init__(message)
        self.code = code


class _Sign(Protocol):
    def __call__(self, data: bytes, /) -> bytes: ...


@dataclass(frozen=True, slots=True)
class AssertionKey:
    """A key that signs, and the one JWS algorithm it signs with. RFC 7518 3.1."""

    algorithm: str
    sign: _Sign


def load_secret(secret: str) -> AssertionKey:
    """Return the key of ``client_secret_jwt``: HS256 over the secret's UTF-8 bytes.

    RFC 7518 section 3.2, OpenID Connect Core 1.0 section 16.19.

    Raises:
        ClientAuthenticationError: fewer than 32 bytes (``short_secret``), which whoever
            sees one assertion could guess offline.
    """
    octets = secret.encode()
    if len(octets) < _MIN_SECRET_BYTES:
        raise ClientAuthenticationError(
            "short_secret", f"HS256 needs a secret of {_MIN_SECRET_BYTES} bytes or more"
        )
    return AssertionKey("HS256", lambda data: hmac.digest(octets, data, "sha256"))


def load_private_key(pem: str) -> AssertionKey:
    """Return the key of ``private_key_jwt`` that the PEM text ``pem`` holds.

    RSA signs with RS256, P-256, P-384 and P-521 with ES256, ES384 and ES512, Ed25519
    and Ed448 with EdDSA. RFC 7518 sections 3.3, 3.4; RFC 8037 section 3.1.

    Raises:
        ClientAuthenticationError: no PEM of a private key (``unusable_private_key``), a
            public key or certificate (``public_key``), one under a password
            (``encrypted_private_key``), of another type or curve
            (``unsupported_private_key``), or RSA that nobody should trust, as of fewer
            than 2048 bits (``weak_private_key``).
    """
    if _PUBLIC_PEM.search(pem) and not _PRIVATE_PEM.search(pem):
        raise ClientAuthenticationError(
            "public_key", "a public key or certificate stands where a private key must"
        )
    try:
        key = load_pem_private_key(pem.encode(), password=None)
    except TypeError:
        raise ClientAuthenticationError(
            "encrypted_private_key", "the private key is under a password"
        ) from None
    except UnsupportedAlgorithm:
        raise _unsupported() from None
    except ValueError:
        raise ClientAuthenticationError(
            "unusable_private_key", "no PEM text of a private key"
        ) from None
    if isinstance(key, rsa.RSAPrivateKey):
        return _rsa_key(key)
    if isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name in _CURVES:
        return _ec_key(key)
    if isinstance(key, ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey):
        return AssertionKey("EdDSA", key.sign)
    raise _unsupported()


def _rsa_key(key: rsa.RSAPrivateKey) -> AssertionKey:
    public = key.public_key().public_numbers()
    if weakness := check_rsa(public.n, public.e):
        raise ClientAuthenticationError(
            "weak_private_key", f"an RSA key of {key.key_size} bits: {weakness}"
        )
    return AssertionKey(
        "RS256", lambda data: key.sign(data, padding.PKCS1v15(), hashes.SHA256())
    )


def _ec_key(key: ec.EllipticCurvePrivateKey) -> AssertionKey:
    algorithm, digest, size = _CURVES[key.curve.name]

    def sign(data: bytes, /) -> bytes:
        # JWS wants both numbers at full length, not DER. RFC 7518 section 3.4.
        numbers = decode_dss_signature(key.sign(data, ec.ECDSA(digest)))
        return b"".join(number.to_bytes(size, "big") for number in numbers)

    return AssertionKey(algorithm, sign)


def _unsupported() -> ClientAuthenticationError:
    return ClientAuthenticationError(
        "unsupported_private_key",
        "the private key is none of RSA, P-256, P-384, P-521, Ed25519 and Ed448",
    )


def make_assertion(
    key: AssertionKey, *, key_id: str | None, client_id: str, audience: str, now: float
) -> str:
    """Return a JWT by which ``client_id`` shows ``audience`` that it holds ``key``.

    Issued at ``now`` (seconds since the epoch), it expires ``ASSERTION_LIFETIME`` later
    and has a ``jti`` of its own, so that a server can refuse a replay. RFC 7523 3.
    """
    header = {"alg": key.algorithm, "typ": "JWT"}
    if key_id is not None:
        header["kid"] = key_id
    issued = int(now)
    claims = {
        "iss": client_id,
        "sub": client_id,
        "aud": audience,
        "iat": issued,
        "exp": issued + ASSERTION_LIFETIME,
        "jti": secrets.token_urlsafe(32),
    }
    signing_input = ".".join(
        base64url.encode(json.dumps(part, separators=(",", ":")).encode())
        for part in (header, claims)
    )
    return f"{signing_input}.{base64url.encode(key.sign(signing_input.encode()))}"
