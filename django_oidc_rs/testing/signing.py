"""Keys that sign, for issuers that exist in tests alone."""

from __future__ import annotations

import base64
import hmac
import json
import secrets
from collections.abc import Mapping
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

__all__ = ["SigningKey", "encode"]

_HASHES: dict[str, Any] = {
    "256": hashes.SHA256,
    "384": hashes.SHA384,
    "512": hashes.SHA512,
}
_CURVES: dict[str, tuple[str, Any, int]] = {
    "ES256": ("P-256", ec.SECP256R1, 32),
    "ES384": ("P-384", ec.SECP384R1, 48),
    "ES512": ("P-521", ec.SECP521R1, 66),
}


def encode(data: bytes) -> str:
    """Return base64url without padding. RFC 7515 section 2."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _number(value: int, length: int | None = None) -> str:
    return encode(value.to_bytes(length or (value.bit_length() + 7) // 8, "big"))


class SigningKey:
    """A private key, made on the spot.

    Args:
        algorithm: what it signs with: RS, PS, ES, HS with 256, 384 or 512; EdDSA,
            Ed25519, Ed448.
        key_id: its ``kid``; random by default.
        bits: size of an RSA key.
        secret: the shared secret, for HS alone.
    """

    def __init__(
        self,
        algorithm: str = "ES256",
        *,
        key_id: str | None = None,
        bits: int = 2048,
        secret: bytes = b"",
    ) -> None:
        """Generate the key."""
        self.algorithm = algorithm
        self.key_id = key_id or secrets.token_hex(8)
        self._secret = secret
        self._private: Any = None
        if algorithm[:2] in ("RS", "PS"):
            self._private = rsa.generate_private_key(65537, bits)
        elif algorithm in _CURVES:
            self._private = ec.generate_private_key(_CURVES[algorithm][1]())
        elif algorithm == "Ed448":
            self._private = ed448.Ed448PrivateKey.generate()
        elif algorithm in {"EdDSA", "Ed25519"}:
            self._private = ed25519.Ed25519PrivateKey.generate()
        elif algorithm[:2] != "HS":
            raise ValueError(f"no key can be made for {algorithm!r}")

    def public_jwk(self) -> dict[str, Any]:
        """Return the public key as the issuer would publish it. RFC 7517.

        Raises:
            ValueError: a shared secret is never published.
        """
        if self._private is None:
            raise ValueError(f"a key for {self.algorithm} has no public half")
        common = {"kid": self.key_id, "use": "sig", "alg": self.algorithm}
        public = self._private.public_key()
        if isinstance(public, rsa.RSAPublicKey):
            numbers = public.public_numbers()
            return {
                "kty": "RSA",
                **common,
                "n": _number(numbers.n),
                "e": _number(numbers.e),
            }
        if isinstance(public, ec.EllipticCurvePublicKey):
            curve, _, size = _CURVES[self.algorithm]
            point = public.public_numbers()
            return {
                "kty": "EC",
                **common,
                "crv": curve,
                "x": _number(point.x, size),
                "y": _number(point.y, size),
            }
        curve = "Ed448" if self.algorithm == "Ed448" else "Ed25519"
        return {
            "kty": "OKP",
            **common,
            "crv": curve,
            "x": encode(public.public_bytes_raw()),
        }

    def signature(self, signing_input: bytes, algorithm: str | None = None) -> bytes:
        """Return the raw signature; ``algorithm`` may be another of the family."""
        name = algorithm or self.algorithm
        if name[:2] == "Ed":
            return self._private.sign(signing_input)  # type: ignore[no-any-return]
        digest = _HASHES[name[2:]]()
        if name[:2] == "HS":
            return hmac.digest(self._secret, signing_input, digest.name)
        if name[:2] == "RS":
            return self._private.sign(  # type: ignore[no-any-return]
                signing_input, padding.PKCS1v15(), digest
            )
        if name[:2] == "PS":
            pss = padding.PSS(padding.MGF1(digest), digest.digest_size)
            return self._private.sign(  # type: ignore[no-any-return]
                signing_input, pss, digest
            )
        size = _CURVES[self.algorithm][2]
        r, s = decode_dss_signature(self._private.sign(signing_input, ec.ECDSA(digest)))
        return r.to_bytes(size, "big") + s.to_bytes(size, "big")

    def sign(
        self,
        claims: Mapping[str, object] | bytes,
        header: Mapping[str, object] | bytes | None = None,
        *,
        algorithm: str | None = None,
    ) -> str:
        """Return a compact JWS over ``claims``, or over any bytes.

        ``header`` replaces the usual one (``alg``, ``kid``, ``typ: at+jwt``).
        """
        if header is None:
            header = {
                "alg": algorithm or self.algorithm,
                "kid": self.key_id,
                "typ": "at+jwt",
            }
        parts = [
            encode(part if isinstance(part, bytes) else json.dumps(part).encode())
            for part in (header, claims)
        ]
        signing_input = ".".join(parts)
        signature = self.signature(signing_input.encode(), algorithm)
        return f"{signing_input}.{encode(signature)}"
