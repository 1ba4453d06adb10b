"""J: signed introspection answers."""

from __future__ import annotations

import base64
import json
from dataclasses import replace

import pytest

from django_oidc_rs import wiring
from django_oidc_rs.core.errors import (
    InactiveToken,
    IntrospectionUnavailable,
    NotAnAccessToken,
)
from django_oidc_rs.core.signed_answer import SIGNED_ANSWER
from django_oidc_rs.testing import SigningKey
from tests.attacks.asking import CLIENT_ID, lying, said, signed_lie, stage
from tests.core.builders import AUDIENCE, ISSUER, NOW

from .support import requirement, rows

RAW = "opaque-0123456789"
MEMBERS = {"active": True, "sub": "alice", "aud": AUDIENCE, "exp": NOW + 300}
STRANGER = SigningKey("ES256", key_id="stranger")
HMAC = SigningKey("HS256", secret=b"a shared secret of thirty-two bytes")


def validate(raw_token=RAW, **options):
    return wiring.get_resource_server().validate(raw_token, **options)


def assert_untrusted(raw_token=RAW, **options):
    with pytest.raises(IntrospectionUnavailable):
        validate(raw_token, **options)


def part(value):
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


@requirement("J124", "J131")
def test_a_signed_answer_is_asked_for():
    with stage(SIGNED_RESPONSES=True) as issuer:
        accepted, seams = [], wiring.get_seams()

        def post(url, *, headers, **options):
            accepted.append(headers["Accept"])
            return seams.post(url, headers=headers, **options)

        with wiring.substitute(replace(seams, post=post)):
            assert validate(issuer.opaque_token("alice")).subject == "alice"
    assert accepted == ["application/token-introspection+jwt"]


@rows(
    "edits",
    {
        **{
            f"J125-typ-{typ!r}": {"typ": typ}
            for typ in ("JWT", "at+jwt", "token-introspection", "", None, ..., 5)
        },
        "J126-iss": {"iss": "https://other.test"},
        "J126-iss-missing": {"iss": ...},
        "J126-aud": {"aud": "another-client"},
        "J126-aud-of-the-api": {"aud": AUDIENCE},
        "J126-aud-missing": {"aud": ...},
        "J126-iat-old": {"iat": NOW - 3600},
        "J126-iat-ahead": {"iat": NOW + 3600},
        "J126-iat-missing": {"iat": ...},
        "J126-outside-alone": {"token_introspection": ..., "active": True},
        "J126-not-an-object": {"token_introspection": True},
        "J130-iat": {"iat": NOW - 31},
        "J130-aud": {"aud": ["one", "two"]},
        "J131-signature": {"key": STRANGER},
        "J131-hmac": {"key": HMAC},
    },
)
def test_one_fault_makes_it_no_answer(edits):
    with stage(SIGNED_RESPONSES=True) as issuer:
        with lying({RAW: signed_lie(issuer)}):
            assert validate().subject == "alice"
        with lying({RAW: signed_lie(issuer, **edits)}):
            assert_untrusted()


@pytest.mark.parametrize(
    "kind", ["application/json", "application/jwt", SIGNED_ANSWER, "text/plain"]
)
@requirement("J125", "J131")
def test_a_plain_answer_is_no_substitute(kind):
    with stage(SIGNED_RESPONSES=True), lying({RAW: said(MEMBERS, kind)}):
        assert_untrusted()


@pytest.mark.parametrize("kind", ["application/json", "application/jwt", ""])
@requirement("J125")
def test_the_media_type_is_demanded(kind):
    with stage(SIGNED_RESPONSES=True) as issuer:
        signed = signed_lie(issuer)().body
        with lying({RAW: said(signed, kind)}):
            assert_untrusted()


@requirement("J126")
def test_claims_outside_say_nothing():
    inside = {"active": False}
    with stage(SIGNED_RESPONSES=True) as issuer:
        lie = signed_lie(issuer, token_introspection=inside, active=True)
        with lying({RAW: lie}), pytest.raises(InactiveToken):
            validate()


@pytest.mark.parametrize("algorithm", ["dir", "RSA-OAEP-256", "ECDH-ES"])
@requirement("J127")
def test_an_encrypted_answer_is_none(algorithm):
    header = {"alg": algorithm, "enc": "A256GCM", "typ": "token-introspection+jwt"}
    encrypted = f"{part(header)}..{part({})}.{part(MEMBERS)}.AAAA".encode()
    with stage(SIGNED_RESPONSES=True), lying({RAW: said(encrypted, SIGNED_ANSWER)}):
        assert_untrusted()


@requirement("J128")
def test_a_signed_answer_is_no_access_token():
    for validation in ("local", "auto", "introspection"):
        with stage(validation, SIGNED_RESPONSES=True) as issuer:
            raw_token = signed_lie(issuer, aud=AUDIENCE)().body.decode()
            with pytest.raises(NotAnAccessToken):
                validate(raw_token)
            assert issuer.introspection.questions == []


@pytest.mark.parametrize("name", ["sub", "jti", "client_id"])
@requirement("J130")
def test_an_answer_about_another_token_is_none(name):
    with stage(SIGNED_RESPONSES=True) as issuer:
        mine = issuer.claims("alice", ["read"])
        raw_token = issuer.key.sign(mine)
        other = {"active": True, **mine, name: "another"}
        with lying({raw_token: signed_lie(issuer, token_introspection=other)}):
            assert_untrusted(raw_token, introspect=True)


@requirement("J126")
def test_the_audience_of_the_answer_is_our_client_id():
    with stage(SIGNED_RESPONSES=True) as issuer:
        lie = signed_lie(issuer, aud=["x", CLIENT_ID], iss=ISSUER)
        with lying({RAW: lie}):
            assert validate().subject == "alice"
