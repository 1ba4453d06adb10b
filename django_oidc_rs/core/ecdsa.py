"""ECDSA over one curve, for raw signatures. RFC 7518 section 3.4."""

from __future__ import annotations

from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurve
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import HashAlgorithm
from jwt.algorithms import ECAlgorithm

__all__ = ["PreparedEcdsa"]


class PreparedEcdsa(ECAlgorithm):
    """PyJWT's algorithm, with what it makes anew for each signature made once."""

    def __init__(
        self, hash_algorithm: type[HashAlgorithm], curve: type[EllipticCurve]
    ) -> None:
        """Prepare for public keys of ``curve``."""
        super().__init__(hash_algorithm, curve)
        self._scheme = ECDSA(hash_algorithm())
        self._size = (curve().key_size + 7) // 8

    def verify(self, msg: bytes, key: Any, sig: bytes) -> bool:
        """Whether ``sig``, R and S side by side, is that of ``key`` over ``msg``."""
        size = self._size
        if len(sig) != 2 * size:
            return False
        r, s = int.from_bytes(sig[:size], "big"), int.from_bytes(sig[size:], "big")
        try:
            key.verify(encode_dss_signature(r, s), msg, self._scheme)
        except InvalidSignature:
            return False
        return True
