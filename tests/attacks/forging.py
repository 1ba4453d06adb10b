"""What attackers forge: paddings, curves' corner cases, recovered and weak keys."""

from __future__ import annotations

import base64
import copy
import functools
import hashlib
import json
import math
import os
import zlib

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from django_oidc_rs.testing.signing import SigningKey, encode
from tests.core.builders import claims, sign
from tests.core.faults.crafting import RSA, hs256, part

__all__ = [
    "PADDINGS",
    "cube",
    "encrypted",
    "hs256_by_recovered_key",
    "number",
    "padded",
    "roca_modulus",
    "signed_number",
    "under",
]

# RSASSA-PKCS1-v1_5: DigestInfo of SHA-256 without the digest. RFC 8017 section 9.2.
_PREFIX = bytes.fromhex("3031300d060960864801650304020105000420")
_SHA1_PREFIX = bytes.fromhex("3021300906052b0e03021a05000414")
_SIZE = 256


def _digest(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def _block(data: bytes, *, kind: bytes = b"\0\1", fill: bytes = b"\xff") -> bytes:
    """Return an encoded message: ``kind``, as much ``fill`` as fits, zero, ``data``."""
    return kind + fill * (_SIZE - len(kind) - 1 - len(data)) + b"\0" + data


def _changed(index: int, byte: int):
    """Return a padding that is good but for one byte."""

    def change(digest: bytes) -> bytes:
        encoded = bytearray(_block(_PREFIX + digest))
        encoded[index] = byte
        return bytes(encoded)

    return change


def _with_tail(data: bytes, count: int) -> bytes:
    """Bleichenbacher's: little padding, and garbage where most of it should be."""
    return (b"\0\1" + b"\xff" * count + b"\0" + data).ljust(_SIZE, b"\xab")


def _der(body: bytes, digest: bytes) -> bytes:
    """Return a DigestInfo of any AlgorithmIdentifier body and digest."""
    identifier = b"\x30" + bytes([len(body)]) + body
    octets = identifier + b"\x04" + bytes([len(digest)]) + digest
    return b"\x30" + bytes([len(octets)]) + octets


# Where the fill ends, before 51 bytes of DigestInfo.
_SEPARATOR = _SIZE - 52
_OID = bytes.fromhex("0609608648016503040201")

# name -> what becomes of the SHA-256 digest before the private key is applied to it.
PADDINGS = {
    "type-2": lambda h: _block(_PREFIX + h, kind=b"\0\2"),
    "type-0": lambda h: _block(_PREFIX + h, kind=b"\0\0"),
    "type-0-zeros": lambda h: _block(_PREFIX + h, kind=b"\0\0", fill=b"\0"),
    "first-byte": lambda h: _block(_PREFIX + h, kind=b"\1\1"),
    "fill-00": lambda h: _block(_PREFIX + h, fill=b"\0"),
    "fill-fe": lambda h: _block(_PREFIX + h, fill=b"\xfe"),
    "first-byte-of-fill": _changed(2, 0xFE),
    "last-byte-of-fill": _changed(_SEPARATOR - 1, 0xFE),
    "no-separator": _changed(_SEPARATOR, 0xFF),
    "separator-1": _changed(_SEPARATOR, 1),
    "two-separators": lambda h: _block(b"\0" + _PREFIX + h),
    "bleichenbacher-0": lambda h: _with_tail(_PREFIX + h, 0),
    "bleichenbacher-8": lambda h: _with_tail(_PREFIX + h, 8),
    "bleichenbacher-100": lambda h: _with_tail(_PREFIX + h, 100),
    "one-byte-of-tail": lambda h: _block(_PREFIX + h + b"\0"),
    "tail-in-digest": lambda h: _block(_der(_OID + b"\x05\x00", h + b"\0")),
    "digest-cut": lambda h: _block(_der(_OID + b"\x05\x00", h[:-1])),
    "digest-empty": lambda h: _block(_der(_OID + b"\x05\x00", b"")),
    "digest-flipped": lambda h: _block(_PREFIX + bytes([h[0] ^ 1]) + h[1:]),
    "digest-reversed": lambda h: _block(_PREFIX + h[::-1]),
    "bare-digest": lambda h: _block(h),
    "no-parameters": lambda h: _block(_der(_OID, h)),
    "parameters-zero-length-octets": lambda h: _block(_der(_OID + b"\x04\x00", h)),
    "parameters-garbage": lambda h: _block(_der(_OID + b"\x05\x00" + b"\xab" * 40, h)),
    "parameters-long-null": lambda h: _block(_der(_OID + b"\x05\x81\x00", h)),
    "oid-of-sha-1": lambda h: _block(_der(bytes.fromhex("06052b0e03021a0500"), h)),
    "oid-of-sha-512": lambda h: _block(_der(_OID[:-1] + b"\x03\x05\x00", h)),
    "oid-unknown": lambda h: _block(_der(_OID[:-1] + b"\x7f\x05\x00", h)),
    "sha-1": lambda h: _block(_SHA1_PREFIX + h[:20]),
    "length-ber": lambda h: _block(b"\x30\x81" + _PREFIX[1:] + h),
    "length-long": lambda h: _block(b"\x30\x83\0\0" + _PREFIX[1:] + h),
    "length-indefinite": lambda h: _block(b"\x30\x80" + _PREFIX[2:] + h + b"\0\0"),
    "length-too-long": lambda h: _block(b"\x30\x32" + _PREFIX[2:] + h),
    "length-too-short": lambda h: _block(b"\x30\x30" + _PREFIX[2:] + h),
    "set-not-sequence": lambda h: _block(b"\x31" + _PREFIX[1:] + h),
    "bit-string": lambda h: _block((_PREFIX + h).replace(b"\x04\x20", b"\x03\x20")),
    "all-zero": lambda h: bytes(_SIZE),
    "number-one": lambda h: b"\1".rjust(_SIZE, b"\0"),
    "pss": lambda h: _block(h, kind=b"\0\1")[:-1] + b"\xbc",
}


def _int(octets: bytes) -> int:
    return int.from_bytes(octets, "big")


def number(value: int) -> str:
    """Return a number as JWKs hold it. RFC 7518 section 2."""
    return encode(value.to_bytes((value.bit_length() + 7) // 8, "big"))


def signed_number(value: int):
    """Return a function that replaces a token's RSA signature by any number."""
    octets = value.to_bytes(max(_SIZE, (value.bit_length() + 7) // 8), "big")
    return part(2, lambda _: encode(octets))


def padded(change):
    """Return a function that signs a token anew, over a padding of one's own.

    With the issuer's key, for the verifier to judge; where it is lax, no key is needed.
    """

    def mangle(raw_token):
        encoded = change(_digest(raw_token.rpartition(".")[0].encode()))
        assert len(encoded) == _SIZE
        numbers = RSA()._private.private_numbers()
        signature = pow(_int(encoded), numbers.d, numbers.public_numbers.n)
        return signed_number(signature)(raw_token)

    return mangle


def under(signer: SigningKey, key_id: str) -> SigningKey:
    """Return the same key by another name; a new RSA key would take a while."""
    twin = copy.copy(signer)
    twin.key_id = key_id
    return twin


@functools.cache
def cube() -> SigningKey:
    """Return an RSA key of exponent 3, whose powers a test can afford."""
    made = SigningKey("ES256", key_id="r1")
    made.algorithm = "RS256"
    made._private = rsa.generate_private_key(3, 2048)
    return made


def _multiple_of_modulus(raw_token: str) -> int:
    signing_input, _, signature = raw_token.rpartition(".")
    padded_digest = _block(_PREFIX + _digest(signing_input.encode()))
    return _int(base64.urlsafe_b64decode(signature + "==")) ** 3 - _int(padded_digest)


def hs256_by_recovered_key() -> str:
    """Return a MAC by the public key that two tokens of ``cube`` give away."""
    tokens = [
        sign(claims(jti=jti), {"alg": "RS256", "kid": "r1"}, signer=cube())
        for jti in ("t1", "t2")
    ]
    modulus = math.gcd(*map(_multiple_of_modulus, tokens))
    for prime in range(2, 1000):
        while modulus % prime == 0:
            modulus //= prime
    assert modulus == cube()._private.public_key().public_numbers().n
    recovered = rsa.RSAPublicNumbers(3, modulus).public_key()
    pem = recovered.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return hs256(pem)()


def encrypted(inner: bytes, *, compressed: bool = False, **header: object):
    """Return a real JWE for the issuer's public RSA key. RFC 7516 section 5.1."""

    def raw():
        made = {"alg": "RSA-OAEP", "enc": "A256GCM", "kid": "r1", **header}
        if compressed:
            made["zip"] = "DEF"
        protected = encode(json.dumps(made).encode())
        content_key, nonce = os.urandom(32), os.urandom(12)
        wrapped = (
            RSA()
            ._private.public_key()
            .encrypt(
                content_key,
                padding.OAEP(padding.MGF1(hashes.SHA1()), hashes.SHA1(), None),
            )
        )
        plain = zlib.compress(inner, wbits=-15) if compressed else inner
        sealed = AESGCM(content_key).encrypt(nonce, plain, protected.encode())
        parts = (wrapped, nonce, sealed[:-16], sealed[-16:])
        return ".".join([protected, *map(encode, parts)])

    return raw


def roca_modulus() -> int:
    """Return 2,048 bits with the fingerprint of the broken generator. CVE-2017-15361"""
    primes = [n for n in range(3, 168) if all(n % d for d in range(2, n))]
    product = math.prod(primes)
    modulus = pow(65537, 12345, product) + product * ((1 << 2047) // product + 1)
    return modulus if modulus % 2 else modulus + product
