"""I: asking the issuer about a token, as a protected resource."""

from __future__ import annotations

import json
from dataclasses import replace
from urllib.parse import parse_qs

import pytest
from django.core.cache import caches
from django.test import override_settings

from django_oidc_rs import wiring
from django_oidc_rs.answer_cache import DjangoAnswerCache
from django_oidc_rs.conf import get_config, parse
from django_oidc_rs.core.clock import SystemClock
from django_oidc_rs.core.errors import (
    ExpiredToken,
    InactiveToken,
    IntrospectionUnavailable,
    InvalidClaim,
    NotAnAccessToken,
    TokenNotYetValid,
    UnconfirmedToken,
)
from django_oidc_rs.core.http import HttpClient
from django_oidc_rs.core.keys import MemoryKeyStore
from tests.attacks.asking import failing, lying, said, settings_of, stage
from tests.core.builders import ABSENT, AUDIENCE, ISSUER, NOW, edited
from tests.core.servers import Authority, Server, answer
from tests.settings_faults import introspection

from .http import asks_views, challenge, send
from .support import requirement, rows

RAW = "opaque-0123456789"
MEMBERS = {
    "active": True,
    "sub": "alice",
    "aud": AUDIENCE,
    "scope": "read list",
    "exp": NOW + 300,
}
NOT_TRUE = {
    **{f"I115-{value!r}": value for value in ("true", "false", "", 1, 0, None, False)},
    "I115-list": [True],
    "I115-object": {"active": True},
    "I115-missing": ABSENT,
}


def validate(raw_token=RAW):
    return wiring.get_resource_server().validate(raw_token)


def counting(say):
    """Return ``say`` and the list that gets longer with every question."""
    asked = []

    def counted():
        asked.append(1)
        return say()

    return counted, asked


@pytest.fixture
def serve():
    servers = []

    def start(**tls):
        body = json.dumps({**MEMBERS, "exp": 4102444800}).encode()
        said = answer(body, headers=["Content-Type: application/json"])
        servers.append(Server(lambda connection: connection.sendall(said), **tls))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


def ask_over_http(settings):
    """Return what asking over a real connection gives."""
    with override_settings(OIDC_RS=settings):
        client = HttpClient(get_config().http)
        seams = wiring.Seams(
            clock=SystemClock(),
            fetch=client,
            post=client.post,
            store=MemoryKeyStore(),
            spawn=lambda work: work(),
        )
        with wiring.substitute(seams):
            return validate()


METHOD = {"AUTH_METHOD": "client_secret_basic"}


@requirement("I113")
def test_the_question_is_a_form_that_is_posted(serve):
    server = serve()
    ask_over_http(settings_of(ENDPOINT=server.url("/introspect"), **METHOD))
    [head], [body] = server.requests, server.bodies
    first, *headers = head.lower().splitlines()
    assert first == "post /introspect http/1.1"
    assert "content-type: application/x-www-form-urlencoded" in headers
    assert "accept: application/json" in headers
    form = parse_qs(body.decode(), strict_parsing=True)
    assert form == {"token": [RAW], "token_type_hint": ["access_token"]}
    assert RAW not in head


@requirement("I114")
def test_the_question_says_who_asks(serve):
    server = serve()
    ask_over_http(settings_of(ENDPOINT=server.url("/introspect"), **METHOD))
    assert "authorization: basic " in server.requests[0].lower()


@pytest.mark.parametrize(
    "asked",
    [
        {"CLIENT_SECRET": ABSENT},
        {"CLIENT_ID": ABSENT},
        {"CLIENT_SECRET": ""},
        {"AUTH_METHOD": "none"},
    ],
)
@requirement("I114")
def test_nobody_asks_without_credentials(asked):
    settings = introspection()
    issuer = settings["ISSUERS"]["default"]
    issuer["INTROSPECTION"] = edited(issuer["INTROSPECTION"], asked)
    _, problems = parse(settings)
    assert any(problem.is_error for problem in problems)


@requirement("I114")
def test_the_endpoints_certificate_is_verified(serve, tmp_path):
    authority = Authority(tmp_path, "authority")
    stranger = Authority(tmp_path, "stranger")
    server = serve(tls=authority.server_context("localhost"))
    settings = settings_of(
        ENDPOINT=server.url("/introspect", scheme="https", host="localhost"), **METHOD
    )
    for trusted, good in ((authority, True), (stranger, False)):
        settings["HTTP"] = {"CA_BUNDLE": str(trusted.bundle)}
        if good:
            assert ask_over_http(settings).subject == "alice"
        else:
            with pytest.raises(IntrospectionUnavailable):
                ask_over_http(settings)
    # The secret went to nobody whose certificate was not good.
    assert len(server.requests) == 1


@rows("active", NOT_TRUE)
def test_only_true_is_active(active):
    answer = said(edited(MEMBERS, {"active": active}))
    with stage(), lying({RAW: answer}), pytest.raises(InactiveToken):
        validate()
    with stage(), lying({RAW: said(MEMBERS)}):
        assert validate().subject == "alice"


@requirement("I116")
def test_unknown_members_are_ignored():
    with stage(), lying({RAW: said({**MEMBERS, "x": [{}], "username": 5})}):
        assert validate().subject == "alice"


@rows(
    "edits",
    {
        "I116-exp-text": {"exp": str(NOW + 300)},
        "I116-exp-true": {"exp": True},
        "I116-exp-list": {"exp": [NOW + 300]},
        "I116-nbf-text": {"nbf": "0"},
        "I116-iat-null": {"iat": None},
        "I116-scope-number": {"scope": 5},
        "I116-scope-numbers": {"scope": ["read", 5]},
        "I116-aud-number": {"aud": 5},
        "I116-aud-object": {"aud": {AUDIENCE: True}},
        "I116-aud-numbers": {"aud": [AUDIENCE, 5]},
        "I116-sub-number": {"sub": 5},
        "I116-client-list": {"client_id": ["app"]},
        "I116-jti-number": {"jti": 5},
    },
)
def test_a_member_of_another_type_is_refused(edits):
    with stage(), lying({RAW: said({**MEMBERS, **edits})}), pytest.raises(InvalidClaim):
        validate()


@rows(
    "fault",
    {
        "I117-exp": ({"exp": NOW - 60}, ExpiredToken),
        "I117-exp-missing": ({"exp": ABSENT}, InvalidClaim),
        "I117-nbf": ({"nbf": NOW + 60}, TokenNotYetValid),
        "I117-iat": ({"iat": NOW + 60}, TokenNotYetValid),
        "I117-iss": ({"iss": "https://other.test"}, InvalidClaim),
        "I117-aud": ({"aud": "https://other.test"}, InvalidClaim),
        "I117-aud-missing": ({"aud": ABSENT}, InvalidClaim),
        "I117-cnf": ({"cnf": {"jkt": "x"}}, UnconfirmedToken),
        "I117-token_type": ({"token_type": "refresh_token"}, NotAnAccessToken),
        "I117-id-token": ({"nonce": "x"}, NotAnAccessToken),
        "J129-aud": ({"aud": "https://other.test"}, InvalidClaim),
        "J129-cnf": ({"cnf": {"x5t#S256": "x"}}, UnconfirmedToken),
    },
)
def test_what_is_active_is_checked_all_the_same(fault):
    edits, raises = fault
    with stage(), lying({RAW: said(edited(MEMBERS, edits))}), pytest.raises(raises):
        validate()


@requirement("I118")
def test_no_answer_is_kept_longer_than_its_token():
    say, asked = counting(said({**MEMBERS, "exp": NOW + 5}))
    with stage(CACHE_SECONDS=60) as issuer, lying({RAW: say}):
        for passed, questions in ((0, 1), (4, 1), (2, 2)):
            issuer.clock.advance(passed)
            validate()
            assert len(asked) == questions


@requirement("I118")
def test_no_is_kept_more_briefly_than_yes():
    say, asked = counting(said({"active": False}))
    with stage(CACHE_SECONDS=60) as issuer, lying({RAW: say}):
        for passed, questions in ((0, 1), (4, 1), (2, 2)):
            issuer.clock.advance(passed)
            with pytest.raises(InactiveToken):
                validate()
            assert len(asked) == questions


@pytest.mark.parametrize(("seconds", "good"), [(0, True), (3600, True), (3601, False)])
@requirement("I118")
def test_answers_are_kept_as_long_as_the_settings_say_within_limits(seconds, good):
    _, problems = parse(introspection(CACHE_SECONDS=seconds))
    assert good is not any(problem.is_error for problem in problems)


@requirement("I119")
def test_the_cache_knows_digests_of_the_whole_question():
    tokens = [RAW, f"{RAW}0", f"{RAW}=="]
    seen = []
    for client in ("one", "two"):
        with stage(CACHE_SECONDS=60, CLIENT_ID=client), lying({"*": said(MEMBERS)}):
            answers = DjangoAnswerCache("default")
            with wiring.substitute(replace(wiring.get_seams(), answers=answers)):
                for raw_token in tokens:
                    validate(raw_token)
        seen.append(set(caches["default"]._cache))
        assert len(seen[-1]) == 3 * len(seen)
    assert not any(RAW in key for key in seen[-1])
    assert len({len(key) for key in seen[-1]}) == 1
    assert ISSUER not in repr(seen)
    caches["default"].clear()


@asks_views
@pytest.mark.parametrize("status", [400, 401, 403, 500, 503])
@requirement("I120", "I121")
def test_no_answer_is_nobodys_token(status):
    with stage(CACHE_SECONDS=60) as issuer:
        raw_token = issuer.opaque_token("alice", ["read", "list"])
        with lying({raw_token: failing("status", status)}):
            for url in ("/drf", "/plain", "/aplain", "/mixed", "/public"):
                response = send(url, f"Bearer {raw_token}")
                assert response.status_code == 503
                assert int(response["Retry-After"]) >= 1
                assert "WWW-Authenticate" not in response
                assert b"invalid_token" not in response.content
        assert send("/drf", f"Bearer {raw_token}").status_code == 200


@asks_views
@rows(
    "edits",
    {
        "I123-good": {},
        "I123-inactive": {"active": False},
        "I123-audience": {"aud": "https://secretmark.test"},
        "I123-scope": {"scope": "secretmark"},
        "I123-bound": {"cnf": {"jkt": "secretmark"}},
    },
)
def test_the_answer_is_not_passed_on(edits):
    members = {**MEMBERS, "username": "secretmark", "email": "secretmark@x.test"}
    with stage(), lying({RAW: said({**members, **edits})}):
        for url in ("/drf", "/plain", "/aplain", "/mixed"):
            response = send(url, f"Bearer {RAW}")
            assert response.status_code == (200 if not edits else response.status_code)
            told = repr(dict(response.headers)) + response.content.decode()
            assert "secretmark" not in told
            assert "alice" not in told
            if response.status_code == 401:
                assert challenge(response).parameters["error"] == "invalid_token"
