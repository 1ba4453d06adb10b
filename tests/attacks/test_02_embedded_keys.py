"""Catalogue, section 2: keys, and addresses of keys, in the header."""

from __future__ import annotations

import base64
import datetime
import functools

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import NameOID

from django_oidc_rs.core.errors import (
    BadSignature,
    UnknownKey,
)
from django_oidc_rs.testing.signing import encode
from tests.attacks.harness import EVIL
from tests.attacks.staging import (
    faults_of,
    merged,
    strike_fault,
)
from tests.core.builders import ISSUER
from tests.core.faults import Fault
from tests.core.faults.crafting import (
    MALLORY,
    mallory,
    without_kid,
)

pytestmark = [pytest.mark.urls("tests.attacks.apis"), pytest.mark.django_db]

LONGEST = 1_048_576
CHAIN = ["MIIBmalformed"] * 1000


@functools.cache
def certificate():
    """A certificate the attacker signed for a key of its own, under a good name."""
    signer = MALLORY()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "issuer.test")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(signer._private.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .sign(signer._private, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.DER)


def as_x5c(count=1):
    return [base64.b64encode(certificate()).decode()] * count


def by_mallory(**header):
    """Signed by the attacker under the good key's name, with more in the header."""
    return Fault("", BadSignature, signer=mallory(), header=header)


EMBEDDED = merged(
    faults_of(28),
    {
        "A28-a-list": Fault(
            "",
            UnknownKey,
            "kid",
            signer=mallory(EVIL),
            header={"jwk": [MALLORY().public_jwk()]},
            asks=True,
        ),
        "A28-in-jwks": Fault(
            "",
            UnknownKey,
            "kid",
            signer=mallory(EVIL),
            header={"jwks": {"keys": [MALLORY().public_jwk()]}},
            asks=True,
        ),
        "A28-with-private-part": Fault(
            "",
            UnknownKey,
            "kid",
            signer=mallory(EVIL),
            header={"jwk": {**MALLORY().public_jwk(), "d": "AAAA"}},
            asks=True,
        ),
    },
    faults_of(29),
    {
        "A29-jwk-without-kid": by_mallory(
            jwk={k: v for k, v in MALLORY().public_jwk().items() if k != "kid"}
        ),
        "A29-jwks": by_mallory(
            jwks={"keys": [{**MALLORY().public_jwk(), "kid": "k1"}]}
        ),
    },
    faults_of(31),
    {
        f"A31-{name}": by_mallory(jku=url)
        for name, url in {
            "real-one": f"{ISSUER}/jwks",
            "open-redirect": f"{ISSUER}/logout?next=https://{EVIL}.test/jwks",
            "backslash": rf"https://issuer.test\@{EVIL}.test/jwks",
            "fragment": f"https://{EVIL}.test/#issuer.test",
            "port": f"https://issuer.test:443@{EVIL}.test/",
            "null-byte": f"https://issuer.test\0.{EVIL}.test/",
        }.items()
    },
    {
        "A31-unknown-kid": Fault(
            "",
            UnknownKey,
            "kid",
            signer=mallory(EVIL),
            header={"jku": f"https://issuer.test@{EVIL}.test/jwks"},
            asks=True,
        ),
        "A31-a-list": by_mallory(jku=[f"https://{EVIL}.test/jwks"]),
    },
    faults_of(32),
    {
        f"A32-{name}-{parameter}": by_mallory(**{parameter: url})
        for parameter in ("jku", "x5u")
        for name, url in {
            "loopback": "http://127.0.0.1:8000/jwks",
            "mapped": "http://[::ffff:169.254.169.254]/",
            "decimal": "http://2852039166/latest/meta-data/",
            "gopher": "gopher://127.0.0.1:6379/_FLUSHALL",
            "data": 'data:application/json,{"keys":[]}',
            "dns": f"https://{EVIL}.oast.test/",
        }.items()
    },
    faults_of(33),
    {
        "A33-self-signed": by_mallory(x5c=as_x5c()),
        "A33-self-signed-and-thumbprint": by_mallory(
            x5c=as_x5c(), x5t="AAAA", **{"x5t#S256": encode(bytes(32))}
        ),
        "A33-self-signed-unknown-kid": Fault(
            "",
            UnknownKey,
            "kid",
            signer=mallory(EVIL),
            header={"x5c": as_x5c()},
            asks=True,
        ),
        "A33-self-signed-no-kid": Fault(
            "",
            BadSignature,
            signer=MALLORY,
            header=without_kid(x5c=as_x5c()),
            asks=True,
        ),
        "A33-thumbprint-alone": by_mallory(x5t="AAAA"),
    },
    faults_of(34),
    {
        "A34-a-thousand-within-the-limit": Fault(
            "",
            BadSignature,
            signer=mallory(),
            header={"x5c": CHAIN},
            max_token_length=LONGEST,
        ),
        "A34-a-thousand-real-ones": Fault(
            "",
            BadSignature,
            signer=mallory(),
            header={"x5c": as_x5c(1000)},
            max_token_length=LONGEST,
        ),
        "A34-malformed-DER": by_mallory(x5c=["MIJ/////", "MIAwgDCAMIAwgA==", "\0", ""]),
        "A34-no-list": by_mallory(x5c={"0": "MIIB"}),
    },
)


@pytest.mark.parametrize("row", EMBEDDED)
def test_a_header_brings_no_key(row, caplog, monkeypatch):
    strike_fault(EMBEDDED[row], caplog, monkeypatch)
