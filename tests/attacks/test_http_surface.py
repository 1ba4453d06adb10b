"""Sections 1 to 4 of the catalogue over the plain decorated view.

``test_01`` to ``test_04`` try more of each row, over REST framework's view and the
native async one; the harness asserts what must hold for all of them.
"""

from __future__ import annotations

import functools
import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from django_oidc_rs.testing import SigningKey
from tests.attacks.harness import EVIL, Sent
from tests.attacks.surface import (
    IR,
    IT,
    b,
    claiming,
    deep,
    everywhere,
    head_text,
    header,
    keyed_by,
    over_every_handler,
    payload,
    public_bytes,
    raw_claims,
    resigned,
    rsa_key,
    signed,
    stranger,
    unsigned,
)

pytestmark = [pytest.mark.urls("tests.attacks.surface"), pytest.mark.django_db]


TOKENS: dict[str, Callable[[Any], str]] = {
    "A1": lambda i: unsigned(i, {"alg": "none"}),
    "A1-dotless": lambda i: unsigned(i, {"alg": "none"}).rstrip("."),
    **{
        f"A2-{number}": functools.partial(
            lambda i, alg: unsigned(i, {"alg": alg}, b"x"), alg=alg
        )
        for number, alg in enumerate(["None", "NONE", "nOnE", "none ", "none\0"])
    },
    "A3": lambda i: unsigned(i, header(i, alg="none"), b"\1" * 64),
    "A4-missing": lambda i: signed(i, alg=...),
    "A4-null": lambda i: signed(i, alg=None),
    "A4-list": lambda i: signed(i, alg=["ES256"]),
    "A4-number": lambda i: signed(i, alg=256),
    "A5": lambda i: unsigned(i, header(i)),
    "A7-spki": lambda i: keyed_by(
        i, public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    ),
    "A7-stripped": lambda i: keyed_by(
        i, public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).strip()
    ),
    "A7-pkcs1": lambda i: keyed_by(i, public_bytes(Encoding.PEM, PublicFormat.PKCS1)),
    "A8": lambda i: keyed_by(
        i, public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    ),
    "A9": lambda i: keyed_by(i, json.dumps(rsa_key().public_jwk()).encode()),
    "A11": lambda i: keyed_by(i, public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)),
    "A14": lambda i: rsa_key().sign(
        i.claims("alice", ["read"]),
        {"alg": "PS256", "kid": "rsa"},
        algorithm="PS256",
    ),
    "A14-other-key": lambda i: signed(i, kid="rsa"),
    "A16": lambda i: signed(i, alg="RS256"),
    "A19-zero": lambda i: resigned(i, lambda _: bytes(64)),
    "A19-one": lambda i: resigned(i, lambda _: bytes(63) + b"\1"),
    "A20": lambda i: resigned(
        i,
        lambda raw: encode_dss_signature(
            int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big")
        ),
    ),
    "A21-short": lambda i: resigned(i, lambda raw: raw[:-1]),
    "A21-long": lambda i: resigned(i, lambda raw: raw + b"\0"),
    "A21-huge": lambda i: resigned(i, lambda raw: raw * 64),
    "A29": lambda i: stranger(i, kid=i.key.key_id),
    "A31": lambda i: signed(i, {"iss": f"https://{EVIL}.test"}, jku="https://x.test"),
    "A32": lambda i: stranger(
        i, kid=i.key.key_id, jku="http://169.254.169.254/", x5u="file:///etc/passwd"
    ),
    "A33": lambda i: stranger(i, kid=i.key.key_id, x5c=["bm8gY2VydGlmaWNhdGU="]),
    "A34": lambda i: stranger(i, kid=i.key.key_id, x5c=["AAAA"] * 1000),
    "A35": lambda i: keyed_by(i, b"", kid="../../../../dev/null"),
    "A38-number": lambda i: signed(i, kid=1),
    "A38-null": lambda i: signed(i, kid=None),
    "A38-list": lambda i: signed(i, kid=[EVIL]),
    "A38-object": lambda i: signed(i, kid={}),
    "A38-long": lambda i: signed(i, kid="k" * 2000),
    "A40": lambda i: signed(i, crit=["urn:x"], **{"urn:x": True}),
    **{
        f"A41-{number}": functools.partial(
            lambda i, crit: signed(i, crit=crit), crit=crit
        )
        for number, crit in enumerate([[], "b64", [1], ["alg"], ["x", "x"], None, {}])
    },
    "A41-b64": lambda i: signed(i, b64=False, crit=["b64"]),
    "A43": lambda i: stranger(i, kid=i.key.key_id, zip="DEF", p2c=2147483647),
    "A44-alg": head_text('{"alg":"none","alg":"ALG","kid":"KID"}'),
    "A44-kid": head_text('{"alg":"ALG","kid":"x","kid":"KID"}'),
    "A45-array": head_text('["ALG"]'),
    "A45-deep": head_text('{"alg":"ALG","kid":"KID","x":' + deep(2000) + "}"),
    "A46": lambda i: ".".join(
        [b({"alg": "RSA-OAEP", "enc": "A256GCM"}), *["AAAA"] * 4]
    ),
    "A49": lambda i: b(json.dumps({"payload": "e30", "signature": "AA"}).encode()),
    "A51": lambda i: i.access_token("alice", ["read"]) + "=",
    "A53": lambda i: i.access_token("alice", ["read"])[:-2] + "+/",
    "A55-extra": lambda i: i.access_token("alice", ["read"]) + ".",
    "A55-leading": lambda i: "." + i.access_token("alice", ["read"]),
    "A55-dots": lambda i: "." * 16000,
    "A55-one": lambda i: ".",
    "A56": lambda i: "A" * 20000,
    "A56-signed": lambda i: signed(
        i, {**i.claims("alice", ["read"]), "x": "y" * 20000}
    ),
    "A59-utf16": payload('{"sub": "alice"}'.encode("utf-16")),
    "A59-bom": payload(b"\xef\xbb\xbf" + b"{}"),
    "A59-latin": payload(b'{"sub": "\xff"}'),
    "A61-exp": raw_claims('"exp": 9999999999'),
    "A61-sub": raw_claims('"sub": "admin"'),
    "A61-scope": raw_claims('"scope": "admin"'),
    "A62": raw_claims('"x": ' + deep(4000)),
    "A63-huge": raw_claims('"y": ' + "9" * 5000),
    "A63-exp": lambda i: raw_claims('"x": 1e999')(i),
    "A63-nan": raw_claims('"x": NaN'),
    "A63-float": claiming(exp=1e308),
    "A64-string": payload(b'"x"'),
    "A64-list": payload(b"[]"),
    "A64-null": payload(b"null"),
    "A64-number": payload(b"1"),
    "A65": claiming(exp=...),
    **{
        f"A67-{number}": claiming(exp=value)
        for number, value in enumerate(["9999999999", True, None, [], {}, -1])
    },
    "A70-nbf": lambda i: claiming(nbf=int(time.time()) + 3600)(i),
    "A70-iat": lambda i: claiming(iat=int(time.time()) + 3600)(i),
    "A70-type": claiming(nbf="0"),
    "A73-suffix": claiming(iss=f"https://issuer.test.{EVIL}"),
    "A73-prefix": claiming(iss="https://issuer"),
    "A73-slash": claiming(iss="https://issuer.test/"),
    "A73-case": claiming(iss="HTTPS://ISSUER.TEST"),
    "A74-list": claiming(iss=["https://issuer.test", f"https://{EVIL}"]),
    "A74-object": claiming(iss={"https://issuer.test": 1}),
    "A74-null": claiming(iss=None),
    "A74-missing": claiming(iss=...),
    "A75": claiming(iss=f"https://{EVIL}.test"),
    "A77-missing": claiming(aud=...),
    "A77-null": claiming(aud=None),
    "A77-empty": claiming(aud=""),
    "A77-no-members": claiming(aud=[]),
    "A79-prefix": claiming(aud="https://api.test2"),
    "A79-slash": claiming(aud="https://api.test/"),
    "A79-case": claiming(aud="HTTPS://API.TEST"),
    "A79-nested": claiming(aud=[["https://api.test"]]),
    "A79-object": claiming(aud={"https://api.test": 1}),
    "A79-mixed": claiming(aud=["https://api.test", 1]),
    "A81": claiming(nonce="n", at_hash="h"),
    "A81-nonce": claiming(nonce="n"),
    "A81-hash": claiming(c_hash="h"),
    "A81-use": claiming(token_use="id"),
    "A81-typ": claiming(typ="ID"),
    "A82-refresh": claiming(typ="Refresh"),
    "A82-logout": claiming(events={"http://schemas.openid.net/event/logout": {}}),
    "A82-introspection": claiming(token_introspection={"active": True}),
    **{
        f"A82-{kind}": functools.partial(lambda i, typ: signed(i, typ=typ), typ=kind)
        for kind in (
            "logout+jwt",
            "secevent+jwt",
            "token-introspection+jwt",
            "dpop+jwt",
            "statuslist+jwt",
            "oauth-authz-req+jwt",
        )
    },
    "A83-parameter": lambda i: signed(i, typ="at+jwt;x"),
    "A83-tree": lambda i: signed(i, typ="x/at+jwt"),
    "A83-list": lambda i: signed(i, typ=["at+jwt"]),
    "A83-empty": lambda i: signed(i, typ=""),
    "A88": lambda i: SigningKey(i.algorithm, key_id=i.key.key_id).sign(
        {
            **i.claims("alice", ["read"]),
            "status": {"status_list": {"idx": 1, "uri": "http://169.254.169.254/"}},
        }
    ),
    "A211": claiming(cnf={"jkt": "x"}),
}

# Signed by nobody we know: worth one question to the issuer itself, and no other.
UNKNOWN_KEYS: dict[str, Callable[[Any], str]] = {
    "A28": stranger,
    "A35-signed": lambda i: signed(i, kid="../../../../dev/null"),
    "A37": lambda i: signed(i, kid=f"x|sleep 10;{{{{7*7}}}}%s%n{EVIL}"),
    "A38-bidi": lambda i: signed(i, kid=f"\u202e{EVIL}"),
    "A38-nul": lambda i: signed(i, kid=f"{EVIL}\0"),
    "A39": lambda i: signed(i, kid=f"https://issuer.test|{i.key.key_id}"),
    "A39-long": lambda i: signed(i, kid="k" * 900),
}


# What stands around a token in the header. A52.
HEADERS: dict[str, Callable[[str], str]] = {
    "A52-nul": lambda token: f"Bearer {token}\0",
    "A52-newline": lambda token: f"Bearer {token}\nX: y",
    "A52-return": lambda token: f"Bearer {token}\r",
    "A52-inner": lambda token: f"Bearer {token[:9]}\t{token[9:]}",
    "A52-no-break-space": lambda token: f"Bearer {token}\xa0",
}


@pytest.mark.parametrize("row", TOKENS)
def test_a_token_that_is_none(row, issuer, attack):
    attack(TOKENS[row](issuer), IT, url="/view", handler="wsgi")


@everywhere
@pytest.mark.parametrize("row", UNKNOWN_KEYS)
def test_a_token_of_an_unknown_key(row, url, handler, issuer, attack):
    token = UNKNOWN_KEYS[row](issuer)
    attack(token, IT, url=url, handler=handler, may_fetch=True)


@everywhere
@pytest.mark.parametrize("row", HEADERS)
def test_a_header_that_is_none(row, url, handler, issuer, attack):
    value = HEADERS[row](issuer.access_token("alice", ["read"]))
    attack(Sent((value,)), IR, url=url, handler=handler)


# The harness itself.


@over_every_handler
def test_the_harness_sees_a_wrong_outcome(handler, issuer, attack):
    good = issuer.access_token("alice", ["read"])
    with pytest.raises(AssertionError):
        attack(good, IT, url="/view", handler=handler)
