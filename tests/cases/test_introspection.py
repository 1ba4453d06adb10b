"""Section I: what an issuer says of a token when it is asked."""

from __future__ import annotations

import base64
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from urllib.parse import parse_qs

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from django.test import override_settings

from django_oidc_rs import wiring
from django_oidc_rs.core.errors import (
    ExpiredToken,
    InactiveToken,
    IntrospectionUnavailable,
    InvalidClaim,
    NotAnAccessToken,
)
from django_oidc_rs.testing import SigningKey
from tests.attacks.asking import (
    CLIENT_ID,
    failing,
    lying,
    outage,
    said,
    settings_of,
    signed_lie,
    stage,
)
from tests.attacks.harness import HANDLERS, Sent
from tests.core.builders import ABSENT, AUDIENCE, ISSUER, NOW, edited

pytestmark = [pytest.mark.urls("tests.cases.urls"), pytest.mark.django_db]

RAW = "opaque-0123456789"
URLS = {"wsgi": "/a/drf", "asgi": "/a/aview"}
MEMBERS = {
    "active": True,
    "iss": ISSUER,
    "sub": "alice",
    "aud": AUDIENCE,
    "client_id": "app",
    "scope": "a b",
    "iat": NOW - 10,
    "exp": NOW + 300,
}


def answering(**edits):
    return {RAW: said(edited(MEMBERS, edits))}


def validate(raw_token=RAW):
    return wiring.get_resource_server().validate(raw_token)


def ask(handler, raw_token=RAW, url=None):
    url = url or URLS[handler]
    return HANDLERS[handler](url, Sent((f"Bearer {raw_token}",)))


def counting(say):
    """Return ``say`` and the list that gets longer with every question."""
    asked = []

    def counted():
        asked.append(1)
        return say()

    return counted, asked


FACTS = {
    "IN-01": (
        {},
        {
            "issuer": ISSUER,
            "subject": "alice",
            "client_id": "app",
            "audience": (AUDIENCE,),
            "scopes": frozenset(("a", "b")),
            "issued_at": NOW - 10,
            "expires_at": NOW + 300,
            "validated_by": "introspection",
            "is_machine": False,
        },
    ),
    "IN-01-audiences": (
        {"aud": ["https://other.test", AUDIENCE]},
        {"audience": ("https://other.test", AUDIENCE)},
    ),
    "IN-01-machine": ({"sub": ABSENT}, {"subject": None, "is_machine": True}),
    "IN-01-no-iss": ({"iss": ABSENT}, {"issuer": ISSUER}),
    "IN-01-unknown-members": ({"x": {"y": [1]}, "username": "a"}, {"subject": "alice"}),
    "IN-08": ({"scope": ["a", "b"]}, {"scopes": frozenset(("a", "b"))}),
    "IN-08-null": ({"scope": None}, {"scopes": frozenset()}),
    "IN-09-within-the-leeway": ({"exp": NOW - 29}, {"expires_at": NOW - 29}),
    "IN-11-access": ({"token_type": "Bearer", "token_use": "access"}, {}),
}


@pytest.mark.parametrize("case", FACTS)
def test_what_an_answer_grants(case):
    edits, facts = FACTS[case]
    with stage(), lying(answering(**edits)):
        token = validate()
        for name, value in facts.items():
            assert getattr(token, name) == value
        for handler in HANDLERS:
            expected = 200 if "a" in token.scopes else 403
            assert ask(handler).status == expected


REFUSED = {
    "IN-02": ({"active": False}, InactiveToken),
    "IN-02-alone": (dict.fromkeys(MEMBERS.keys() - {"active"}, ABSENT), InvalidClaim),
    **{
        f"IN-03-{name}": ({"active": value}, InactiveToken)
        for name, value in {
            "missing": ABSENT,
            "null": None,
            "text": "true",
            "number": 1,
            "list": [True],
        }.items()
    },
    "IN-08-number": ({"scope": 5}, InvalidClaim),
    "IN-08-numbers": ({"scope": ["a", 5]}, InvalidClaim),
    "IN-09": ({"exp": NOW - 30}, ExpiredToken),
    "IN-09-no-exp": ({"exp": ABSENT}, InvalidClaim),
    "IN-11": ({"token_type": "refresh_token"}, NotAnAccessToken),
    "IN-11-upper-case": ({"token_type": "Refresh Token"}, NotAnAccessToken),
    "IN-11-use": ({"token_use": "refresh_token"}, NotAnAccessToken),
    "IN-11-id": ({"token_use": "id"}, NotAnAccessToken),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_an_answer_does_not_grant(case):
    edits, raises = REFUSED[case]
    with stage(), lying(answering(**edits)):
        with pytest.raises(raises):
            validate()
        for handler in HANDLERS:
            answer = ask(handler)
            assert answer.status == 401
            assert 'error="invalid_token"' in answer.one("WWW-Authenticate")


JSON = "application/json"
OUTAGES = {
    "IN-05-500": (failing("status", 500), 1),
    "IN-05-timeout": (failing("timeout"), 1),
    "IN-05-refused": (failing("connect"), 1),
    "IN-06": (failing("status", 429, retry_after=17), 17),
    "IN-06-no-seconds": (failing("status", 429), 1),
    "IN-07-html": (said(b"<html>", "text/html"), 1),
    "IN-07-html-as-json": (said(b"<html>", JSON), 1),
    "IN-07-malformed": (said(b'{"active": true', JSON), 1),
    "IN-07-no-object": (said(b"[true]", JSON), 1),
    "IN-07-kind": (said(json.dumps(MEMBERS).encode(), "text/plain"), 1),
    "IN-07-no-kind": (said(json.dumps(MEMBERS).encode(), ""), 1),
}


@pytest.mark.parametrize("case", OUTAGES)
def test_what_is_no_answer(case):
    say, seconds = OUTAGES[case]
    for handler in HANDLERS:
        table = answering()
        with stage() as issuer, lying(table):
            fresh = issuer.opaque_token("bob", ["a"])
            with outage(table, say, issuer.clock):
                answer = ask(handler, fresh)
                assert answer.status == 503
                # A fifth more, so that processes do not come back together.
                assert seconds <= int(answer.one("Retry-After")) <= seconds * 1.2 + 1
                assert not answer.all("WWW-Authenticate")
            assert ask(handler, fresh).status == 200


# How we say who we are.


class Sending:
    """A ``Post`` that keeps what it is given."""

    def __init__(self):
        self.sent = []

    def __call__(self, url, *, body, headers, trusted_address, certificate=None):
        form = {name: value for name, [value] in parse_qs(body.decode()).items()}
        self.sent.append((url, form, dict(headers), certificate))
        return said(MEMBERS)()


def requests_with(**asked):
    """Return what two requests were sent with these credentials."""
    with stage(**asked):
        post = Sending()
        with wiring.substitute(replace(wiring.get_seams(), post=post)):
            validate()
            validate()
    return post.sent


PAIRS = {
    "IN-12-colon": ("a:b", "c:d", b"a%3Ab:c%3Ad"),
    "IN-12-percent": ("a%b", "c%25d", b"a%25b:c%2525d"),
    "IN-12-plus-and-blank": ("a+b", "c d", b"a%2Bb:c+d"),
    "IN-12-umlaut": ("\u00fc", "\u20ac", b"%C3%BC:%E2%82%AC"),
    "IN-12-plain": ("api-1.x_y", "s3cret~", b"api-1.x_y:s3cret~"),
}


@pytest.mark.parametrize("case", PAIRS)
def test_id_and_secret_are_encoded_before_basic(case):
    client_id, secret, pair = PAIRS[case]
    for _, form, headers, _ in requests_with(CLIENT_ID=client_id, CLIENT_SECRET=secret):
        scheme, _, value = headers["Authorization"].partition(" ")
        assert (scheme, base64.b64decode(value)) == ("Basic", pair)
        assert form == {"token": RAW, "token_type_hint": "access_token"}


SECRET = "a secret of thirty-two bytes or more"
QUESTION = {"token": RAW, "token_type_hint": "access_token"}


@pytest.mark.parametrize(
    "method", [pytest.param("client_secret_post", id="IN-13-post")]
)
def test_id_and_secret_stand_in_the_form(method):
    for _, form, headers, _ in requests_with(AUTH_METHOD=method, CLIENT_SECRET=SECRET):
        assert form == {**QUESTION, "client_id": CLIENT_ID, "client_secret": SECRET}
        assert "Authorization" not in headers


def private_key():
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    return key.public_key(), "ES256", {"CLIENT_SECRET": ABSENT, "PRIVATE_KEY": pem}


def shared_secret():
    return SECRET, "HS256", {"CLIENT_SECRET": SECRET}


@pytest.mark.parametrize(
    ("method", "make"),
    [
        pytest.param("client_secret_jwt", shared_secret, id="IN-13-secret-jwt"),
        pytest.param("private_key_jwt", private_key, id="IN-13-private-key-jwt"),
    ],
)
def test_an_assertion_says_who_we_are(method, make):
    key, algorithm, asked = make()
    seen = set()
    for _, form, headers, _ in requests_with(AUTH_METHOD=method, **asked):
        claims = jwt.decode(
            form.pop("client_assertion"),
            key,
            algorithms=[algorithm],
            audience=ISSUER,
            # The clock of the tests is another.
            options={"verify_exp": False, "verify_iat": False},
        )
        assert claims["iss"] == claims["sub"] == CLIENT_ID
        assert claims["aud"] == ISSUER
        assert NOW < claims["exp"] <= NOW + 300
        seen.add(claims["jti"])
        kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
        assert form.pop("client_assertion_type") == kind
        assert form == {**QUESTION, "client_id": CLIENT_ID}
        assert "Authorization" not in headers
    assert len(seen) == 2


@pytest.mark.parametrize("method", [pytest.param("tls_client_auth", id="IN-13-mtls")])
def test_a_certificate_says_who_we_are(method, tmp_path):
    path = tmp_path / "client.pem"
    path.touch()
    asked = {"CLIENT_SECRET": ABSENT, "CERTIFICATE": str(path)}
    for _, form, headers, certificate in requests_with(AUTH_METHOD=method, **asked):
        assert certificate == (str(path), None)
        assert form == {**QUESTION, "client_id": CLIENT_ID}
        assert "Authorization" not in headers


# What is kept.


@pytest.mark.parametrize(
    ("kept", "questions"),
    [pytest.param(60, 1, id="IN-14"), pytest.param(0, 4, id="IN-14-live")],
)
def test_an_answer_serves_again(kept, questions):
    say, asked = counting(said(MEMBERS))
    with stage(CACHE_SECONDS=kept), lying({RAW: say}):
        for handler in [*HANDLERS] * 2:
            assert ask(handler).status == 200
    assert len(asked) == questions


@pytest.mark.parametrize("seconds", [pytest.param(20, id="IN-15")])
def test_an_answer_serves_no_longer_than_its_token(seconds):
    say, asked = counting(said({**MEMBERS, "exp": NOW + seconds}))
    with stage(CACHE_SECONDS=3600) as issuer, lying({RAW: say}):
        validate()
        issuer.clock.advance(seconds - 1)
        validate()
        assert len(asked) == 1
        issuer.clock.advance(1)
        validate()
        assert len(asked) == 2
        issuer.clock.advance(30)
        with pytest.raises(ExpiredToken):
            validate()


@pytest.mark.parametrize(
    ("first", "failed", "questions"),
    [
        pytest.param(said(MEMBERS), 0, 1, id="IN-17"),
        pytest.param(failing("connect"), 0, 2, id="IN-17-lost-connection"),
        pytest.param(failing("status", 500), 1, 2, id="IN-17-failure"),
    ],
)
def test_who_asks_at_once_asks_once(first, failed, questions):
    asked, ready = [], threading.Barrier(50)

    def say():
        asked.append(1)
        return (first if len(asked) == 1 else said(MEMBERS))()

    def one(_number):
        ready.wait(30)
        try:
            return validate().subject
        except IntrospectionUnavailable:
            return None

    with stage(CACHE_SECONDS=60), lying({RAW: say}):
        wiring.get_resource_server()
        with ThreadPoolExecutor(50) as pool:
            subjects = list(pool.map(one, range(50)))
    assert subjects.count(None) == failed
    assert subjects.count("alice") == 50 - failed
    assert len(asked) == questions


@pytest.mark.parametrize("kept", [pytest.param(60, id="IN-18-scope")])
def test_one_answer_is_judged_by_every_view(kept):
    say, asked = counting(said({**MEMBERS, "scope": "a"}))
    views = {"/a/drf": 200, "/b/drf": 403, "/a-and-c/view": 403, "/c-or-b/aview": 403}
    with stage(CACHE_SECONDS=kept), lying({RAW: say}):
        for handler in HANDLERS:
            for url, status in views.items():
                assert ask(handler, url=url).status == status
    assert len(asked) == 1


@pytest.mark.parametrize("kept", [pytest.param(60, id="IN-18-audience")])
def test_a_kept_answer_is_judged_by_the_settings_of_now(kept):
    say, asked = counting(said(MEMBERS))
    with stage(CACHE_SECONDS=kept), lying({RAW: say}):
        validate()
        changed = {**settings_of(CACHE_SECONDS=kept), "AUDIENCE": "https://other.test"}
        with override_settings(OIDC_RS=changed), pytest.raises(InvalidClaim):
            validate()
    assert len(asked) == 1


@pytest.mark.parametrize(
    "asked",
    [
        pytest.param({"ENDPOINT": "https://issuer.test/two"}, id="IN-19-endpoint"),
        pytest.param({"CLIENT_ID": "another"}, id="IN-19-client"),
    ],
)
def test_what_one_endpoint_said_another_did_not(asked):
    say, questions = counting(said(MEMBERS))
    kept = {"CACHE_SECONDS": 60, "ENDPOINT": "https://issuer.test/one"}
    with stage(**kept), lying({"*": say}):
        validate()
        validate()
        assert len(questions) == 1
        with override_settings(OIDC_RS=settings_of(**{**kept, **asked})):
            validate()
        assert len(questions) == 2


@pytest.mark.parametrize("kept", [pytest.param(60, id="IN-19-issuer")])
def test_what_one_issuer_said_another_did_not(kept):
    say, questions = counting(said(MEMBERS))
    with stage(CACHE_SECONDS=kept), lying({"*": say}):
        validate()
        changed = settings_of(CACHE_SECONDS=kept, ENDPOINT="https://issuer.test/x")
        changed["ISSUERS"]["default"]["ISSUER"] = "https://tenant.test"
        with override_settings(OIDC_RS=changed), pytest.raises(InvalidClaim):
            validate()
        assert len(questions) == 2


# Signed answers.


STRANGER = SigningKey("ES256", key_id="stranger")
SIGNED = {
    "IN-20-signature": {"key": STRANGER},
    "IN-20-aud": {"aud": "https://other.test"},
    "IN-20-aud-missing": {"aud": ...},
    "IN-20-iss": {"iss": "https://other.test"},
    "IN-20-iss-missing": {"iss": ...},
    "IN-20-typ": {"typ": "JWT"},
    "IN-20-typ-of-tokens": {"typ": "at+jwt"},
    "IN-20-typ-missing": {"typ": ...},
    "IN-20-no-members": {"token_introspection": ...},
    "IN-20-members-outside": {"token_introspection": ..., **MEMBERS, "aud": CLIENT_ID},
    "IN-20-members-no-object": {"token_introspection": [MEMBERS]},
}


@pytest.mark.parametrize("case", SIGNED)
def test_a_signed_answer_that_cannot_be_believed(case):
    for handler in HANDLERS:
        with stage(SIGNED_RESPONSES=True) as issuer:
            with lying({RAW: signed_lie(issuer)}):
                assert validate().subject == "alice"
            with lying({RAW: signed_lie(issuer, **SIGNED[case])}):
                answer = ask(handler)
                assert answer.status == 503
                assert not answer.all("WWW-Authenticate")


@pytest.mark.parametrize(
    "say",
    [
        pytest.param(said(MEMBERS), id="IN-20-plain"),
        pytest.param(
            said(MEMBERS, "application/token-introspection+jwt"),
            id="IN-20-plain-called-signed",
        ),
    ],
)
def test_a_plain_answer_is_none_where_it_must_be_signed(say):
    for handler in HANDLERS:
        with stage(SIGNED_RESPONSES=True), lying({RAW: say}):
            assert ask(handler).status == 503


@pytest.mark.parametrize("signed", [pytest.param(True, id="IN-20")])
def test_a_signed_answer_is_asked_for(signed):
    for handler in HANDLERS:
        with stage(SIGNED_RESPONSES=signed) as issuer:
            good = issuer.opaque_token("alice", ["a"])
            assert ask(handler, good).status == 200
            issuer.revoke(good)
            assert ask(handler, good).status == 401
