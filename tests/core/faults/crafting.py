"""Keys, sets and tokens as attackers and careless issuers make them."""

from __future__ import annotations

import base64
import functools
import hmac
import json

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from django_oidc_rs.testing.signing import SigningKey, encode

from ..builders import ABSENT, claims, key, sign

# P-256's order: r and s of a signature lie between 1 and N - 1.
N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
MILLION = 1_000_000
DEEP = 100_000

# Whose keys


def named(algorithm="ES256", key_id="k1"):
    return functools.partial(key, algorithm, key_id)


def published(*signers, **members):
    """Return a set with the keys of ``signers``, ``members`` added to the last."""

    def jwks():
        made = [signer().public_jwk() for signer in signers]
        made[-1] = {
            name: value
            for name, value in {**made[-1], **members}.items()
            if value is not ABSENT
        }
        return made

    return jwks


RSA, ENC, MALLORY = (
    named("RS256", "r1"),
    named("ES256", "enc"),
    named("ES256", "mallory"),
)


def private_jwk(signer):
    """Return an EC key with its private part, as nobody should publish it."""
    secret = signer._private.private_numbers().private_value
    return {**signer.public_jwk(), "d": encode(secret.to_bytes(32, "big"))}


def without_kid(**edits):
    return {"kid": ABSENT, **edits}


def mallory(key_id="k1"):
    """Sign with a key of the attacker's own, under whatever name."""
    return lambda: renamed(MALLORY(), key_id)


def renamed(signer, key_id):
    twin = SigningKey(signer.algorithm, key_id=key_id)
    twin._private = signer._private
    return twin


# What becomes of a token


def part(index, change):
    """Return a function that changes one of a token's three parts."""

    def mangle(raw_token):
        parts = raw_token.split(".")
        parts[index] = change(parts[index])
        return ".".join(parts)

    return mangle


def signature(data):
    return part(2, lambda _: encode(data))


def r_and_s(r, s):
    return signature(r.to_bytes(32, "big") + s.to_bytes(32, "big"))


def _decoded(raw_token):
    text = raw_token.rpartition(".")[2]
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def resigned(change):
    """Return a function that changes the signature's octets."""
    return lambda raw_token: signature(change(_decoded(raw_token)))(raw_token)


def as_der(octets):
    return encode_dss_signature(
        int.from_bytes(octets[:32], "big"), int.from_bytes(octets[32:], "big")
    )


def flipped(octets):
    return bytes([octets[0] ^ 1]) + octets[1:]


# Whole tokens


def hs256(secret, **header):
    """Return a token whose MAC an attacker made of what everybody knows."""

    def raw():
        made = {"alg": "HS256", "kid": "r1", "typ": "at+jwt", **header}
        octets = secret() if callable(secret) else secret
        signing_input = f"{encode(json.dumps(made).encode())}." + encode(
            json.dumps(claims()).encode()
        )
        mac = hmac.digest(octets, signing_input.encode(), "sha256")
        return f"{signing_input}.{encode(mac)}"

    return raw


def public_bytes(encoding, form, signer=RSA, change=lambda octets: octets):
    def octets():
        public = signer()._private.public_key()
        return change(
            public.public_bytes(
                getattr(serialization.Encoding, encoding),
                getattr(serialization.PublicFormat, form),
            )
        )

    return octets


def jwk_text(**options):
    return lambda: json.dumps(RSA().public_jwk(), **options).encode()


def jwe(**header):
    return lambda: ".".join(
        [
            encode(
                json.dumps({"alg": "RSA-OAEP", "enc": "A256GCM", **header}).encode()
            ),
            encode(b"key"),
            encode(b"iv"),
            encode(json.dumps(claims()).encode()),
            encode(b"tag"),
        ]
    )


def json_serialization(**members):
    def raw():
        protected, payload, tail = sign().split(".")
        return json.dumps(
            {"protected": protected, "payload": payload, "signature": tail, **members}
        )

    return raw


def polyglot():
    return json.dumps({"protected": "", "payload": "", "x": sign()})


def pss(*, salt, mgf):
    """Return a PS256 token with a salt or mask of another length or hash."""

    def raw():
        signer = RSA()
        made = {"alg": "PS256", "kid": "r1", "typ": "at+jwt"}
        signing_input = f"{encode(json.dumps(made).encode())}." + encode(
            json.dumps(claims()).encode()
        )
        octets = signer._private.sign(
            signing_input.encode(),
            padding.PSS(padding.MGF1(mgf()), salt),
            hashes.SHA256(),
        )
        return f"{signing_input}.{encode(octets)}"

    return raw


def duplicate(name, first, second):
    """Return claims as JSON in which ``name`` stands twice."""
    text = json.dumps(claims(**{name: ABSENT}))[:-1]
    return f'{text}, "{name}": {first}, "{name}": {second}}}'.encode()


def payload_with(text):
    """Return claims as JSON with ``text``, which ``json.dumps`` would not write."""
    return (json.dumps(claims(exp=ABSENT))[:-1] + f", {text}}}").encode()
