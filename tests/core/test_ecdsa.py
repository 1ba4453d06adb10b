"""ECDSA signatures as JWS has them: R and S side by side, and nothing else."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, SHA512
from jwt.algorithms import get_default_algorithms

from django_oidc_rs.core.ecdsa import PreparedEcdsa

DATA = b"signed"
KINDS = {
    "ES256": (SHA256, ec.SECP256R1, 32),
    "ES384": (SHA384, ec.SECP384R1, 48),
    "ES512": (SHA512, ec.SECP521R1, 66),
}
KEYS = {
    name: ec.generate_private_key(curve()) for name, (_, curve, _size) in KINDS.items()
}


def verify(name, signature, *, data=DATA, key=None):
    digest, curve, _size = KINDS[name]
    public = (key or KEYS[name]).public_key()
    return PreparedEcdsa(digest, curve).verify(data, public, signature)


def sign(name, data=DATA, digest=None):
    digest = digest or KINDS[name][0]
    return KEYS[name].sign(data, ec.ECDSA(digest()))


def raw(name, signature=None):
    size = KINDS[name][2]
    return b"".join(
        number.to_bytes(size)
        for number in decode_dss_signature(signature or sign(name))
    )


@pytest.mark.parametrize("name", KINDS)
def test_a_good_signature(name):
    for _ in range(3):
        assert verify(name, raw(name))


@pytest.mark.parametrize("name", KINDS)
def test_pyjwt_agrees(name):
    signature = get_default_algorithms()[name].sign(DATA, KEYS[name])
    assert verify(name, signature)


BAD = {
    "empty": lambda good, half: b"",
    "r-alone": lambda good, half: good[:half],
    "one-byte-short": lambda good, half: good[:-1],
    "one-byte-long": lambda good, half: good + b"\0",
    "one-byte-before": lambda good, half: b"\0" + good,
    "a-byte-in-each-half": lambda good, half: b"\0" + good[:half] + b"\0" + good[half:],
    "zero-before-s": lambda good, half: good[:half] + b"\0" + good[half:],
    "swapped": lambda good, half: good[half:] + good[:half],
    "r-zero": lambda good, half: bytes(half) + good[half:],
    "s-zero": lambda good, half: good[:half] + bytes(half),
    "both-zero": lambda good, half: bytes(2 * half),
    "both-most": lambda good, half: b"\xff" * (2 * half),
    "der": lambda good, half: encode_dss_signature(
        int.from_bytes(good[:half]), int.from_bytes(good[half:])
    ),
    "flipped-bit": lambda good, half: good[:-1] + bytes([good[-1] ^ 1]),
}


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("bad", BAD)
def test_a_bad_signature(name, bad):
    assert verify(name, BAD[bad](raw(name), KINDS[name][2])) is False


@pytest.mark.parametrize("name", KINDS)
def test_other_data_another_key_or_another_hash(name):
    other = ec.generate_private_key(KINDS[name][1]())
    assert verify(name, raw(name), data=b"Signed") is False
    assert verify(name, raw(name), key=other) is False
    digest = SHA256 if name != "ES256" else SHA512
    assert verify(name, raw(name, sign(name, digest=digest))) is False
