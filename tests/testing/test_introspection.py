"""FakeIssuer, asked about tokens."""

from __future__ import annotations

import pytest

from django_oidc_rs import wiring
from django_oidc_rs.core.errors import (
    ExpiredToken,
    InactiveToken,
    IntrospectionUnavailable,
    InvalidClaim,
    TemporarilyUnavailable,
)
from django_oidc_rs.testing import FakeClock, FakeIssuer, install
from django_oidc_rs.testing.introspection import MemoryAnswerCache

ISSUER = "https://issuer.test"
ASKED = {"CLIENT_ID": "api", "CLIENT_SECRET": "from-the-store"}


@pytest.fixture
def start(settings):
    """Return a function that installs an issuer with these ``INTROSPECTION`` keys."""
    contexts = []

    def begin(validation="auto", **asked):
        settings.OIDC_RS = {
            "AUDIENCE": "https://api.test",
            "ISSUERS": {
                "default": {
                    "ISSUER": ISSUER,
                    "VALIDATION": validation,
                    "INTROSPECTION": {**ASKED, **asked},
                }
            },
        }
        clock = FakeClock()
        issuer = FakeIssuer(clock=clock)
        contexts.append(install(issuer, clock=clock))
        contexts[-1].__enter__()
        return issuer

    yield begin
    for context in contexts:
        context.__exit__(None, None, None)


def validate(raw_token, **options):
    return wiring.get_resource_server().validate(raw_token, **options)


@pytest.mark.parametrize("signed", [False, True])
def test_an_opaque_token(signed, start):
    issuer = start(SIGNED_RESPONSES=signed)
    raw_token = issuer.opaque_token("bob", ["read"], tier="gold")
    token = validate(raw_token)
    assert (token.subject, token.scopes) == ("bob", {"read"})
    assert (token.claim("tier"), token.validated_by) == ("gold", "introspection")
    assert issuer.introspection.questions == [raw_token]
    assert "." not in raw_token
    assert raw_token != issuer.opaque_token("bob", ["read"], tier="gold")


def test_revoked_expired_and_unknown_tokens_are_inactive(start):
    issuer = start()
    revoked, late = issuer.opaque_token(), issuer.opaque_token(exp=1)
    never = issuer.opaque_token(exp=None)
    issuer.revoke(revoked)
    for raw_token in (revoked, late, never, "never-seen-by-anybody"):
        with pytest.raises(InactiveToken):
            validate(raw_token)


def test_a_token_expires_with_the_clock(start):
    issuer = start()
    raw_token = issuer.opaque_token()
    assert validate(raw_token)
    issuer.clock.advance(300)
    with pytest.raises(InactiveToken):
        validate(raw_token)


def test_a_jwt_can_be_revoked(start):
    issuer = start("local")
    raw_token = issuer.access_token()
    assert validate(raw_token, introspect=True).validated_by == "introspection"
    issuer.revoke(raw_token)
    assert validate(raw_token).validated_by == "jwt"
    with pytest.raises(InactiveToken):
        validate(raw_token, introspect=True)


def test_it_fails_and_lies_as_told(start):
    issuer = start(ENDPOINT="https://elsewhere.test/ask")
    raw_token = issuer.opaque_token()
    issuer.introspection.answer = {"active": True, **issuer.claims(aud="x")}
    with pytest.raises(InvalidClaim):
        validate(raw_token)
    issuer.introspection.answer = {"active": True, **issuer.claims(exp=1)}
    with pytest.raises(ExpiredToken):
        validate(raw_token)
    issuer.introspection.answer = None
    issuer.introspection.fail("timeout")
    with pytest.raises(IntrospectionUnavailable):
        validate(raw_token)
    issuer.introspection.recover()
    issuer.clock.advance(2)
    assert validate(raw_token)


@pytest.mark.parametrize("how", ["fail", "hang"])
@pytest.mark.parametrize("before", [0, 1])
def test_a_failing_issuer_cannot_be_asked_either(how, before, start):
    issuer = start("local")
    raw_token = issuer.access_token()
    for _ in range(before):
        assert validate(raw_token, introspect=True)
    getattr(issuer, how)()
    with pytest.raises(TemporarilyUnavailable):
        validate(raw_token, introspect=True)
    issuer.recover()
    issuer.clock.advance(2)
    assert validate(raw_token, introspect=True)


def test_the_endpoint_may_fail_alone(start):
    issuer = start("local")
    issuer.introspection.fail(status=500, code="status")
    assert validate(issuer.access_token())
    with pytest.raises(IntrospectionUnavailable):
        validate(issuer.access_token(), introspect=True)


def test_one_string_is_no_list_of_scopes(start):
    issuer = start()
    for make in (issuer.access_token, issuer.opaque_token):
        with pytest.raises(TypeError, match="not a string"):
            make("alice", "payments")


def test_an_endpoint_nobody_plays(start):
    issuer = start()
    issuer.introspection.endpoint = f"{ISSUER}/moved"
    raw_token = issuer.opaque_token()
    assert validate(raw_token)
    issuer.introspection.endpoint = f"{ISSUER}/moved/again"
    with pytest.raises(IntrospectionUnavailable):
        validate(raw_token)


def test_without_a_way_to_ask_nobody_is_asked(start):
    issuer = start()
    seams = wiring.get_seams()
    kept = {name: getattr(seams, name) for name in ("clock", "fetch", "store", "spawn")}
    with (
        wiring.substitute(wiring.Seams(**kept)),
        pytest.raises(IntrospectionUnavailable),
    ):
        validate(issuer.opaque_token())


def test_answers_are_kept_in_memory(start):
    issuer = start(CACHE_SECONDS=60)
    raw_token = issuer.opaque_token()
    for _ in range(3):
        validate(raw_token)
    assert len(issuer.introspection.questions) == 1
    issuer.revoke(raw_token)
    assert validate(raw_token)
    issuer.clock.advance(60)
    for _ in range(2):
        with pytest.raises(InactiveToken):
            validate(raw_token)
    assert len(issuer.introspection.questions) == 2


def test_the_cache_of_the_kit():
    clock = FakeClock()
    cache = MemoryAnswerCache(clock)
    cache.delete("k")
    assert cache.get("k") is None
    cache.set("k", {"sub": "a"}, 5)
    assert cache.get("k") == {"sub": "a"}
    clock.advance(5)
    assert cache.get("k") is None
    cache.set("k", {}, 5)
    assert cache.get("k") == {}
    cache.delete("k")
    assert cache.get("k") is None
    assert [cache.begin("k", 6), cache.begin("k", 6)] == [True, False]
    cache.end("k")
    cache.end("k")
    assert cache.begin("k", 6)
