"""Attacks of the catalogue that come in over HTTP, by their numbers.

Each runs through WSGI and ASGI over a REST framework view, a decorated view and an
async decorated view; the harness asserts what must hold for all of them.
"""

from __future__ import annotations

import functools
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.contrib.auth import get_user_model
from django.http import HttpResponse
from django.test import Client
from django.urls import path
from rest_framework.authentication import SessionAuthentication
from rest_framework.permissions import AllowAny, IsAdminUser
from rest_framework.response import Response
from rest_framework.views import APIView

from django_oidc_rs.decorators import scope_required
from django_oidc_rs.rest_framework import (
    AccessTokenAuthentication,
    HasScope,
    TokenHasScope,
)
from django_oidc_rs.testing import SigningKey
from django_oidc_rs.testing.signing import encode
from tests.attacks.harness import EVIL, HANDLERS, Outcome, Sent, strike

pytestmark = [pytest.mark.urls(__name__), pytest.mark.django_db]


class DrfView(APIView):
    authentication_classes = [AccessTokenAuthentication, SessionAuthentication]
    permission_classes = [HasScope("read")]

    def get(self, request):
        return Response("in")

    post = trace = get


class PublicView(DrfView):
    permission_classes = [AllowAny]


class ByMethod(DrfView):
    permission_classes = [TokenHasScope]
    required_scopes = {"GET": ["read"], "POST": ["write"]}


class Unconfigured(DrfView):
    permission_classes = [TokenHasScope]


class Either(DrfView):
    permission_classes = [IsAdminUser | HasScope("write")]


@scope_required("read")
def view(request):
    return HttpResponse("in")


@scope_required("read")
async def aview(request):
    return HttpResponse("in")


urlpatterns = [
    path("drf", DrfView.as_view()),
    path("view", view),
    path("aview", aview),
    path("public", PublicView.as_view()),
    path("by-method", ByMethod.as_view()),
    path("unconfigured", Unconfigured.as_view()),
    path("either", Either.as_view()),
]

over_every_handler = pytest.mark.parametrize("handler", list(HANDLERS))
on_every_view = pytest.mark.parametrize("url", ["/drf", "/view", "/aview"])

IT = Outcome(401, "invalid_token")
IR = Outcome(400, "invalid_request")
NA = Outcome(401)
IS = Outcome(403, "insufficient_scope")
OK = Outcome(200)
CANNOT_TELL = Outcome(503)


@functools.cache
def rsa_key() -> SigningKey:
    return SigningKey("RS256", key_id="rsa")


@pytest.fixture
def issuer(fake_issuer):
    """An issuer with an RSA key beside its other one."""
    fake_issuer.published.append(rsa_key().public_jwk())
    return fake_issuer


# Tools of the trade.


def b(value: Any) -> str:
    """Encode a part of a token."""
    return encode(value if isinstance(value, bytes) else json.dumps(value).encode())


def header(issuer: Any, **parameters: Any) -> dict[str, Any]:
    made = {
        "alg": issuer.algorithm,
        "kid": issuer.key.key_id,
        "typ": "at+jwt",
        **parameters,
    }
    return {name: value for name, value in made.items() if value is not ...}


def signed(issuer: Any, claims: Any = None, **parameters: Any) -> str:
    """Return a token the issuer really signed, with this header."""
    if claims is None:
        claims = issuer.claims("alice", ["read"])
    return issuer.key.sign(claims, header(issuer, **parameters))


def unsigned(issuer: Any, head: Any, signature: bytes | str = "") -> str:
    payload = b(issuer.claims("alice", ["read"]))
    tail = signature if isinstance(signature, str) else encode(signature)
    return f"{b(head)}.{payload}.{tail}"


def keyed_by(issuer: Any, secret: bytes, **parameters: Any) -> str:
    """Return an HS256 token whose secret is what everybody knows."""
    head = header(issuer, **{"alg": "HS256", "kid": "rsa", **parameters})
    signing_input = f"{b(head)}.{b(issuer.claims('alice', ['read']))}"
    tag = hmac.new(secret, signing_input.encode(), hashlib.sha256).digest()
    return f"{signing_input}.{encode(tag)}"


def public_bytes(encoding: Encoding, form: PublicFormat) -> bytes:
    return rsa_key()._private.public_key().public_bytes(encoding, form)


def stranger(issuer: Any, **parameters: Any) -> str:
    """Return a token of somebody's own key."""
    key = SigningKey(issuer.algorithm, key_id=f"{EVIL}-kid")
    head = header(issuer, **{"kid": key.key_id, "jwk": key.public_jwk(), **parameters})
    return key.sign(issuer.claims("alice", ["read"]), head)


def resigned(issuer: Any, change: Callable[[bytes], bytes]) -> str:
    token = issuer.access_token("alice", ["read"])
    head, payload, _signature = token.split(".")
    signature = issuer.key.signature(f"{head}.{payload}".encode())
    return f"{head}.{payload}.{encode(change(signature))}"


def claiming(**claims: Any) -> Callable[[Any], str]:
    """Return a maker of well signed tokens; a claim given as ``...`` is left out."""

    def make(issuer: Any) -> str:
        made = {**issuer.claims("alice", ["read"]), **claims}
        kept = {name: value for name, value in made.items() if value is not ...}
        return issuer.key.sign(kept)

    return make


def payload(data: bytes) -> Callable[[Any], str]:
    return lambda issuer: issuer.key.sign(data, header(issuer))


def raw_claims(text: str) -> Callable[[Any], str]:
    """Return a maker of tokens whose claims are the usual ones and then ``text``."""

    def make(issuer: Any) -> str:
        usual = json.dumps(issuer.claims("alice", ["read"]))
        return issuer.key.sign(f"{usual[:-1]}, {text}}}".encode(), header(issuer))

    return make


def head_text(text: str) -> Callable[[Any], str]:
    def make(issuer: Any) -> str:
        claims = issuer.claims("alice", ["read"])
        filled = text.replace("ALG", issuer.algorithm).replace("KID", issuer.key.key_id)
        return issuer.key.sign(claims, filled.encode())

    return make


def deep(depth: int) -> str:
    return "[" * depth + "]" * depth


# Sections 1 to 4: what a token can try. Every one is ``invalid_token``.

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
    "A103-iss": claiming(iss=f"<script>{EVIL}</script>"),
    "A103-aud": claiming(aud=f"<script>{EVIL}</script>"),
    "A103-alg": lambda i: signed(i, alg=f"<script>{EVIL}</script>"),
    "A103-typ": lambda i: signed(i, typ=f"<script>{EVIL}</script>"),
    "A103-header": lambda i: f"<script>{EVIL}</script>",
    "A104-expired": claiming(exp=1),
    "A104-signature": lambda i: resigned(i, lambda raw: raw[::-1]),
    "A157-empty": claiming(sub=""),
    "A157-blank": claiming(sub="   "),
    "A157-nul": claiming(sub=f"{EVIL}\0"),
    "A157-long": claiming(sub="s" * 10000),
    "A157-control": claiming(sub=f"{EVIL}\r\nadmin"),
    "A157-rtl": claiming(sub=f"\u202e{EVIL}"),
    "A157-surrogate": claiming(sub="\ud800"),
    "A226": claiming(iss=f"{EVIL}\r\nCRITICAL root\x1b[31m"),
    "cnf": claiming(cnf={"jkt": "x"}),
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
    "A103-kid": lambda i: signed(i, kid=f"<script>{EVIL}</script>"),
    "A226-kid": lambda i: signed(i, kid=f"{EVIL}\r\nCRITICAL root\x1b[31m"),
}


@over_every_handler
@on_every_view
@pytest.mark.parametrize("attack", TOKENS)
def test_a_token_that_is_none(attack, url, handler, issuer, caplog, monkeypatch):
    strike(
        Sent((f"Bearer {TOKENS[attack](issuer)}",)),
        IT,
        url=url,
        handler=handler,
        issuer=issuer,
        good=issuer.access_token("alice", ["read"]),
        caplog=caplog,
        monkeypatch=monkeypatch,
    )


@over_every_handler
@on_every_view
@pytest.mark.parametrize("attack", UNKNOWN_KEYS)
def test_a_token_of_an_unknown_key(attack, url, handler, issuer, caplog, monkeypatch):
    strike(
        Sent((f"Bearer {UNKNOWN_KEYS[attack](issuer)}",)),
        IT,
        url=url,
        handler=handler,
        issuer=issuer,
        good=issuer.access_token("alice", ["read"]),
        caplog=caplog,
        monkeypatch=monkeypatch,
        may_fetch=True,
    )


# Section 5: transport.

FORM = "application/x-www-form-urlencoded"


def transports(token: str) -> dict[str, tuple[Sent, Outcome]]:
    form = urlencode({"access_token": token})
    multipart = (
        '--x\r\nContent-Disposition: form-data; name="access_token"\r\n\r\n'
        f"{token}\r\n--x--\r\n"
    )
    bearer = f"Bearer {token}"
    return {
        # Two header fields, and what servers make of them.
        "A91-twice": (Sent((bearer, bearer)), IR),
        "A91-two-tokens": (Sent((bearer, "Bearer x.y.z")), IR),
        "A91-two-tokens-2": (Sent(("Bearer x.y.z", bearer)), IR),
        "A91-two-schemes": (Sent(("Basic YTpi", bearer)), IR),
        "A91-two-schemes-2": (Sent((bearer, "Basic YTpi")), IR),
        "A91-dpop": (Sent((bearer, f"DPoP {token}")), IR),
        "A91-empty": (Sent((bearer, "")), IR),
        # The header is the only place: the others are not looked at.
        "A91-everywhere": (
            Sent((bearer,), "POST", form, form.encode(), FORM),
            OK,
        ),
        "A92": (Sent(query=form), NA),
        "A92-bad-beside-good": (Sent(("Bearer x.y.z",), query=form), IT),
        "A93-get": (Sent(body=form.encode(), content_type=FORM), NA),
        "A93-form": (Sent((), "POST", "", form.encode(), FORM), NA),
        "A93-json": (
            Sent(
                (),
                "POST",
                "",
                json.dumps({"access_token": token}).encode(),
                "application/json",
            ),
            NA,
        ),
        "A93-multipart": (
            Sent(
                (),
                "POST",
                "",
                multipart.encode(),
                "multipart/form-data; boundary=x",
            ),
            NA,
        ),
        "A93-cookie": (Sent(headers={"Cookie": f"access_token={token}"}), NA),
        "A93-header": (Sent(headers={"X-Access-Token": token}), NA),
        "A93-underscore": (Sent(headers={"X-Authorization": bearer}), NA),
        "A94-lower": (Sent((f"bearer {token}",)), OK),
        "A94-upper": (Sent((f"BEARER {token}",)), OK),
        "A94-mixed": (Sent((f"bEaReR {token}",)), OK),
        "A94-colon": (Sent((f"Bearer:{token}",)), NA),
        "A94-equals": (Sent((f"Bearer={token}",)), NA),
        "A94-token": (Sent((f"Token {token}",)), NA),
        "A94-longer": (Sent((f"BearerX {token}",)), NA),
        "A94-bare": (Sent((token,)), NA),
        "A94-nothing": (Sent(("Bearer",)), IR),
        "A94-space": (Sent(("Bearer ",)), IR),
        "A94-two-spaces": (Sent((f"Bearer  {token}",)), IR),
        "A94-tab": (Sent((f"Bearer\t{token}",)), IR),
        "A94-leading": (Sent((f" Bearer {token}",)), IR),
        "A94-trailing": (Sent((f"Bearer {token} ",)), IR),
        "A94-second-word": (Sent((f"Bearer {token} admin",)), IR),
        "A94-quoted": (Sent((f'Bearer "{token}"',)), IT),
        "A94-percent": (Sent((f"Bearer %20{token}",)), IT),
        "A52-nul": (Sent((f"Bearer {token}\0",)), IR),
        "A52-newline": (Sent((f"Bearer {token}\nX: y",)), IR),
        "A52-return": (Sent((f"Bearer {token}\r",)), IR),
        "A52-inner": (Sent((f"Bearer {token[:9]}\t{token[9:]}",)), IR),
        "A52-no-break-space": (Sent((f"Bearer {token}\xa0",)), IR),
        "A95": (Sent(("Bearer \xff\xfe",)), IR),
        "A95-latin": (Sent((f"Bearer {token}\xe9",)), IR),
        "A95-scheme": (Sent((f"B\xe9arer {token}",)), NA),
        "A97-no-token": (
            Sent((), "POST", headers={"X-HTTP-Method-Override": "GET"}),
            NA,
        ),
        "A98-head": (Sent(method="HEAD"), NA),
        "A98-head-bad": (Sent(("Bearer x.y.z",), "HEAD"), IT),
        "A98-head-malformed": (Sent(("Bearer",), "HEAD"), IR),
        "A98-options": (Sent(method="OPTIONS"), NA),
        "A98-options-bad": (Sent(("Bearer x.y.z",), "OPTIONS"), IT),
        "A98-trace": (Sent(method="TRACE"), NA),
        "A98-preflight": (
            Sent(
                method="OPTIONS",
                headers={
                    "Origin": f"https://{EVIL}.test",
                    "Access-Control-Request-Method": "GET",
                },
            ),
            NA,
        ),
        "A103-scheme": (Sent((f"<script>{EVIL}</script> x",)), NA),
        "A103-second-word": (Sent((f"Bearer a <script>{EVIL}",)), IR),
        "A103-query": (Sent(query=f"next=<script>{EVIL}</script>"), NA),
        "A105": (Sent(("Basic YTpi",)), NA),
        "A105-digest": (Sent(('Digest username="a", realm="b"',)), NA),
        "A106": (Sent((bearer,), headers={"Cache-Control": "public"}), OK),
    }


@over_every_handler
@on_every_view
@pytest.mark.parametrize("attack", transports("token"))
def test_transport(attack, url, handler, issuer, caplog, monkeypatch):
    good = issuer.access_token("alice", ["read"])
    sent, outcome = transports(good)[attack]
    strike(
        sent,
        outcome,
        url=url,
        handler=handler,
        issuer=issuer,
        good=good,
        caplog=caplog,
        monkeypatch=monkeypatch,
    )


@over_every_handler
@on_every_view
@pytest.mark.parametrize(
    ("authorization", "outcome"),
    [
        pytest.param((), NA, id="A100-session-alone"),
        pytest.param(("Bearer x.y.z",), IT, id="A100"),
        pytest.param(("Bearer",), IR, id="A100-malformed"),
    ],
)
def test_a_session_beside_the_token(
    authorization, outcome, url, handler, issuer, caplog, monkeypatch
):
    """A session never stands in for a token that failed, nor for a scope."""
    visitor = Client()
    visitor.force_login(get_user_model().objects.create_user("visitor"))
    cookie = {"Cookie": f"sessionid={visitor.cookies['sessionid'].value}"}
    if url == "/drf" and not authorization:
        # REST framework knows the visitor; a session has no scope to offer.
        answer = HANDLERS[handler](url, Sent(headers=cookie))
        assert answer.status == 403
        return
    strike(
        Sent(authorization, headers=cookie),
        outcome,
        url=url,
        handler=handler,
        issuer=issuer,
        good=issuer.access_token("alice", ["read"]),
        caplog=caplog,
        monkeypatch=monkeypatch,
    )


@over_every_handler
@pytest.mark.parametrize("kind", ["x.y.z", "A65", "A104-signature", "A1"])
def test_a_bad_token_on_a_public_view(kind, handler, issuer, caplog, monkeypatch):
    """A99."""
    token = TOKENS[kind](issuer) if kind in TOKENS else kind
    strike(
        Sent((f"Bearer {token}",)),
        IT,
        url="/public",
        handler=handler,
        issuer=issuer,
        good=issuer.access_token("alice"),
        caplog=caplog,
        monkeypatch=monkeypatch,
    )
    assert HANDLERS[handler]("/public", Sent()).status == 200


@on_every_view
@pytest.mark.parametrize("attack", transports("token"))
def test_both_handlers_say_the_same(attack, url, issuer):
    """A101."""
    token = issuer.access_token("alice", ["read"])
    sent, _outcome = transports(token)[attack]
    answers = [send(url, sent) for send in HANDLERS.values()]
    assert answers[0].status == answers[1].status
    assert answers[0].body == answers[1].body
    assert sorted(answers[0].headers) == sorted(answers[1].headers)


@over_every_handler
@on_every_view
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_an_outage_is_no_verdict(
    method, url, handler, issuer, caplog, monkeypatch, settings
):
    """A new key while the issuer is down: nobody can tell, and old keys serve on."""
    good = issuer.access_token("alice", ["read"])
    assert HANDLERS[handler](url, Sent((f"Bearer {good}",))).status == 200
    old = issuer.rotate()
    issuer.fail()
    answer = HANDLERS[handler](
        url, Sent((f"Bearer {issuer.access_token('alice', ['read'])}",), method)
    )
    assert answer.status == 503
    assert int(answer.one("Retry-After")) >= 1
    assert not answer.all("WWW-Authenticate")
    again = old.sign(issuer.claims("alice", ["read"]))
    assert HANDLERS[handler](url, Sent((f"Bearer {again}",))).status == 200


# Section 9: scope.

SCOPES: dict[str, tuple[dict[str, Any], Outcome]] = {
    "A169-longer": ({"scope": "readwrite"}, IS),
    "A169-suffix": ({"scope": "xread"}, IS),
    "A169-colon": ({"scope": "read:all"}, IS),
    "A169-shorter": ({"scope": "rea"}, IS),
    "A170-tab": ({"scope": "read\twrite"}, IS),
    "A170-newline": ({"scope": "read\nwrite"}, IS),
    "A170-no-break": ({"scope": "read\xa0write"}, IS),
    "A170-em-space": ({"scope": "read\u2003write"}, IS),
    "A170-comma": ({"scope": "read,write"}, IS),
    "A170-nul": ({"scope": "read\0"}, IS),
    "A170-wide": ({"scope": "\uff52ead"}, IS),
    "A170-spaces": ({"scope": "  read   other "}, OK),
    "A171": ({"scope": "Read"}, IS),
    "A171-upper": ({"scope": "READ"}, IS),
    "A172-text-in-text": ({"scope": "proofread"}, IS),
    "A172-list": ({"scope": ["read"]}, OK),
    "A172-list-of-one-text": ({"scope": ["read write"]}, IS),
    "A172-list-of-others": ({"scope": ["reading"]}, IS),
    "A172-scp": ({"scope": ..., "scp": ["read"]}, OK),
    "A172-scp-text": ({"scope": ..., "scp": "xread"}, IS),
    "A172-object": ({"scope": {"read": True}}, IS),
    "A172-number": ({"scope": 1}, IT),
    "A172-bool": ({"scope": True}, IT),
    "A172-mixed": ({"scope": ["read", 1]}, IT),
    "A172-first-wins": ({"scope": "", "scp": "read"}, IS),
    "A175-other-claims": (
        {"scope": "other", "scopes": "read", "permissions": ["read"], "roles": "read"},
        IS,
    ),
    "SC-10": ({"scope": ...}, IS),
}


@over_every_handler
@on_every_view
@pytest.mark.parametrize("attack", SCOPES)
def test_scope(attack, url, handler, issuer, caplog, monkeypatch):
    claims, outcome = SCOPES[attack]
    answer = strike(
        Sent((f"Bearer {claiming(**claims)(issuer)}",)),
        outcome,
        url=url,
        handler=handler,
        issuer=issuer,
        good=issuer.access_token("alice", ["read"]),
        caplog=caplog,
        monkeypatch=monkeypatch,
    )
    if outcome == IS:
        assert 'scope="read"' in answer.one("WWW-Authenticate")


@over_every_handler
@on_every_view
def test_a_scope_the_caller_names_is_not_looked_at(
    url, handler, issuer, caplog, monkeypatch
):
    """A175."""
    strike(
        Sent(
            (f"Bearer {issuer.access_token('alice', ['other'])}",),
            "POST",
            "scope=read",
            b"scope=read",
            FORM,
            {"X-Scope": "read", "Scope": "read"},
        ),
        IS,
        url=url,
        handler=handler,
        issuer=issuer,
        good=issuer.access_token("alice", ["read"]),
        caplog=caplog,
        monkeypatch=monkeypatch,
    )


@over_every_handler
def test_an_overridden_method_is_not_the_method(handler, issuer, caplog, monkeypatch):
    """A97."""
    token = issuer.access_token("alice", ["read"])
    answer = strike(
        Sent(
            (f"Bearer {token}",),
            "POST",
            "_method=GET",
            b"_method=GET",
            FORM,
            {"X-HTTP-Method-Override": "GET", "X-HTTP-Method": "GET"},
        ),
        IS,
        url="/by-method",
        handler=handler,
        issuer=issuer,
        good=token,
        caplog=caplog,
        monkeypatch=monkeypatch,
    )
    assert 'scope="write"' in answer.one("WWW-Authenticate")


@over_every_handler
def test_a_view_that_configures_nothing_opens_for_nobody(handler, issuer):
    """A173."""
    send = HANDLERS[handler]
    token = issuer.access_token("alice", ["read", "write", "admin"])
    assert send("/unconfigured", Sent((f"Bearer {token}",))).status == 403
    assert send("/unconfigured", Sent()).status == 401


@over_every_handler
def test_either_permission_opens_and_both_refuse_properly(handler, issuer):
    """A176."""
    send = HANDLERS[handler]
    write = issuer.access_token("alice", ["write"])
    assert send("/either", Sent((f"Bearer {write}",))).status == 200
    poor = send("/either", Sent((f"Bearer {issuer.access_token('alice')}",)))
    assert poor.status == 403
    assert 'error="insufficient_scope"' in poor.one("WWW-Authenticate")
    assert 'scope="write"' in poor.one("WWW-Authenticate")
    get_user_model().objects.update(is_staff=True)
    staff = issuer.access_token("alice")
    assert send("/either", Sent((f"Bearer {staff}",))).status == 200


# The harness itself.


@pytest.mark.parametrize("handler", list(HANDLERS))
def test_the_harness_sees_a_wrong_outcome(handler, issuer, caplog, monkeypatch):
    good = issuer.access_token("alice", ["read"])
    with pytest.raises(AssertionError):
        strike(
            Sent((f"Bearer {good}",)),
            IT,
            url="/view",
            handler=handler,
            issuer=issuer,
            good=good,
            caplog=caplog,
            monkeypatch=monkeypatch,
        )
