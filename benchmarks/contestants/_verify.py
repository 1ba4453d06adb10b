"""One signature verified by ``cryptography`` alone, the key and all else at hand."""

import base64
from functools import partial

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature


def decode(text):
    """Return the bytes of a part of a token."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def checker(lane):
    """Return ``check(signature, signed)`` for the lane's key."""
    key = serialization.load_pem_public_key(lane["public_key"].encode())
    match lane["algorithm"]:
        case "RS256":
            scheme, digest = padding.PKCS1v15(), hashes.SHA256()
            return lambda signature, signed: key.verify(
                signature, signed, scheme, digest
            )
        case "ES256":
            return partial(_ecdsa, key, ec.ECDSA(hashes.SHA256()))
        case "ES384":
            return partial(_ecdsa, key, ec.ECDSA(hashes.SHA384()))
    return key.verify


def _ecdsa(key, scheme, signature, signed):
    key.verify(der(signature), signed, scheme)


def der(signature):
    """Return an ECDSA signature as ``cryptography`` wants it."""
    half = len(signature) // 2
    return encode_dss_signature(
        int.from_bytes(signature[:half]), int.from_bytes(signature[half:])
    )


def ready_made(lane, token):
    """Return a call that verifies ``token`` and does nothing else whatsoever."""
    signed, _, last = token.rpartition(".")
    key = serialization.load_pem_public_key(lane["public_key"].encode())
    signature, data = decode(last), signed.encode()
    match lane["algorithm"]:
        case "RS256":
            scheme, digest = padding.PKCS1v15(), hashes.SHA256()
            return lambda: key.verify(signature, data, scheme, digest)
        case "EdDSA":
            return lambda: key.verify(signature, data)
        case algorithm:
            digest = hashes.SHA256() if algorithm == "ES256" else hashes.SHA384()
            ecdsa, encoded = ec.ECDSA(digest), der(signature)
            return lambda: key.verify(encoded, data, ecdsa)
