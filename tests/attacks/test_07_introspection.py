"""Catalogue, section 7: the answers of an issuer that is asked about tokens."""

from __future__ import annotations

import secrets
from dataclasses import replace
from functools import partial
from urllib.parse import parse_qs

import pytest
from django.core.cache import caches
from django.test import override_settings

from django_oidc_rs import wiring
from django_oidc_rs.answer_cache import DjangoAnswerCache
from django_oidc_rs.conf import get_config
from django_oidc_rs.core.errors import IntrospectionUnavailable, ResourceServerError
from django_oidc_rs.core.keys.limits import MAX_PAUSE
from django_oidc_rs.testing import FakeClock, FakeIssuer, install
from tests.attacks.asking import (
    CRAFTED,
    LIVE,
    OPEN,
    PATHS,
    failing,
    lying,
    outage,
    said,
    settings_of,
    signed_lie,
    stage,
)
from tests.attacks.harness import EVIL, HANDLERS, Sent, strike
from tests.attacks.staging import IS, IT, OK, merged
from tests.attacks.surface import CANNOT_TELL, signed, unsigned
from tests.core.builders import ABSENT, NOW, edited

pytestmark = [pytest.mark.urls("tests.attacks.asking"), pytest.mark.django_db]

HTML = b"<!doctype html><title>evilmark</title>"


@pytest.fixture
def tried(caplog, monkeypatch):
    """Return ``strike`` for opaque tokens, with a good one of its own."""

    def tried(raw_token, outcome, *, issuer, handler, urls=PATHS, **options):
        good = options.pop("good", None) or issuer.opaque_token("alice", ["read"])
        return strike(
            Sent((f"Bearer {raw_token}",)),
            outcome,
            url=urls[handler],
            handler=handler,
            issuer=issuer,
            good=good,
            caplog=caplog,
            monkeypatch=monkeypatch,
            **options,
        )

    return tried


def status(handler, raw_token, urls=PATHS):
    return HANDLERS[handler](urls[handler], Sent((f"Bearer {raw_token}",))).status


# A137 to A142: what the answer says.


def about(outcome, reason, **edits):
    return edits, outcome, reason


def refused(**edits):
    return about(IT, "invalid_claim", **edits)


ANSWERS = merged(
    {
        f"A137-{name}": about(IT, "inactive_token", active=value)
        for name, value in {
            "text-true": "true",
            "text-True": "True",
            "text-false": "false",
            "text-1": "1",
            "one": 1,
            "one-and-a-bit": 1.0,
            "zero": 0,
            "empty-list": [],
            "list": [True],
            "object": {"active": True},
            "null": None,
            "false": False,
            "missing": ABSENT,
        }.items()
    },
    {
        "A137-other-case": about(IT, "inactive_token", active=ABSENT, Active=True),
        "A137-wrapped": about(
            IT, "inactive_token", active=ABSENT, token_introspection={"active": True}
        ),
        "A139-missing": refused(exp=ABSENT),
        "A139-null": refused(exp=None),
        "A139-text": refused(exp=str(NOW + 300)),
        "A139-true": refused(exp=True),
        "A139-list": refused(exp=[NOW + 300]),
        "A139-negative": refused(exp=-1),
        "A139-endless": refused(exp=10**300),
        "A140-yesterday": about(IT, "expired_token", exp=NOW - 86400),
        "A140-at-the-leeway": about(IT, "expired_token", exp=NOW - 30),
        "A140-zero": about(IT, "expired_token", exp=0),
        "A140-milliseconds": refused(exp=(NOW - 86400) * 1000),
        "A141-iss": refused(iss=f"https://{EVIL}.test"),
        "A141-iss-longer": refused(iss="https://issuer.test/"),
        "A141-iss-null": refused(iss=None),
        "A141-iss-list": refused(iss=["https://issuer.test"]),
        "A141-aud": refused(aud="https://other.test"),
        "A141-aud-longer": refused(aud=f"https://api.test.{EVIL}.test"),
        "A141-aud-of-others": refused(aud=["https://one.test", "https://two.test"]),
        "A141-aud-missing": refused(aud=ABSENT),
        "A141-aud-null": refused(aud=None),
        "A141-aud-object": refused(aud={"https://api.test": True}),
        "A141-client-of-no-text": refused(client_id=5),
        "A141-client-empty": refused(client_id=""),
        "A141-nobody": refused(sub=ABSENT, client_id=ABSENT),
        "A141-sub-empty": refused(sub=""),
        "A141-sub-list": refused(sub=["alice"]),
        "A141-jti": refused(jti=5),
        "A141-not-yet": about(IT, "token_not_yet_valid", nbf=NOW + 3600),
        "A141-bound": about(IT, "unconfirmed_token", cnf={"jkt": EVIL}),
        "A141-refresh": about(IT, "not_an_access_token", token_type="refresh_token"),
        "A141-id-token": about(IT, "not_an_access_token", nonce=EVIL),
        "A141-use": about(IT, "not_an_access_token", token_use="refresh"),
        "A142-null": about(IS, None, scope=None),
        "A142-missing": about(IS, None, scope=ABSENT),
        "A142-empty": about(IS, None, scope=""),
        "A142-number": refused(scope=5),
        "A142-true": refused(scope=True),
        "A142-list-of-numbers": refused(scope=["read", 1]),
        "A142-list-in-list": refused(scope=[["read"]]),
        "A142-object": about(IS, None, scope={"read": True}),
        "A142-longer": about(IS, None, scope="reader"),
        "A142-inside": about(IS, None, scope="xreadx"),
        "A142-prefix": about(IS, None, scope="rea"),
        "A142-case": about(IS, None, scope="READ"),
        "A142-comma": about(IS, None, scope="read,write"),
        "A142-tab": about(IS, None, scope="read\twrite"),
        "A142-list-of-one-text": about(IS, None, scope=["read write"]),
        "A142-list": about(OK, None, scope=["read"]),
    },
)


@pytest.mark.parametrize("row", ANSWERS)
def test_an_answer_is_judged(row, tried):
    edits, outcome, reason = ANSWERS[row]
    for handler in HANDLERS:
        with stage() as issuer:
            usual = {"active": True, "username": EVIL, **issuer.claims("bob", ["read"])}
            with lying({CRAFTED: said(edited(usual, edits))}):
                tried(
                    CRAFTED,
                    outcome,
                    issuer=issuer,
                    handler=handler,
                    may_ask=1,
                    # The user of a good token, whatever its scopes are.
                    may_create=outcome != IT,
                    reason=reason,
                )


@pytest.mark.parametrize(
    "edits",
    [
        pytest.param({"exp": ABSENT}, id="A139-kept"),
        pytest.param({"exp": NOW - 30}, id="A140-kept"),
        pytest.param({"exp": NOW + 0.5}, id="A140-kept-nearly-over"),
    ],
)
def test_an_answer_is_not_kept_without_an_end(edits):
    for handler in HANDLERS:
        asked = []
        with stage(CACHE_SECONDS=60) as issuer:
            usual = {"active": True, **issuer.claims("alice", ["read"])}
            answer = said(edited(usual, edits))

            def say(asked=asked, answer=answer):
                asked.append(1)
                return answer()

            with lying({CRAFTED: say}):
                for _ in range(3):
                    status(handler, CRAFTED)
                    issuer.clock.advance(1)
        assert len(asked) == 3


@pytest.mark.parametrize("row", [pytest.param(None, id="A140-in-the-cache")])
def test_a_kept_answer_ends_with_its_token(row):
    for handler in HANDLERS:
        with stage(CACHE_SECONDS=3600) as issuer:
            raw = issuer.opaque_token("alice", ["read"], exp=NOW + 40)
            assert status(handler, raw) == 200
            # The leeway is for clocks that differ, not for answers that are kept.
            for passed, expected in ((39, 200), (31, 401)):
                issuer.clock.advance(passed)
                assert status(handler, raw) == expected
            assert len(issuer.introspection.questions) == 2


# A143, A145: what is kept, and how long.


@pytest.mark.parametrize(
    ("asked", "urls"),
    [
        pytest.param({}, PATHS, id="A143-nothing-kept"),
        pytest.param({}, LIVE, id="A143-live"),
        pytest.param({"CACHE_SECONDS": 3600}, LIVE, id="A143-live-past-the-cache"),
    ],
)
def test_a_revoked_token_is_refused_at_once(asked, urls, tried):
    for handler in HANDLERS:
        with stage(**asked) as issuer:
            for raw in (
                issuer.opaque_token("alice", ["read"]),
                *([issuer.access_token("alice", ["read"])] if urls is LIVE else []),
            ):
                assert status(handler, raw, urls) == 200
                issuer.revoke(raw)
                tried(
                    raw,
                    IT,
                    issuer=issuer,
                    handler=handler,
                    urls=urls,
                    may_ask=1,
                    reason="inactive_token",
                )


@pytest.mark.parametrize("seconds", [pytest.param(30, id="A143-kept")])
def test_a_revoked_token_lives_on_as_long_as_its_answer_is_kept(seconds):
    for handler in HANDLERS:
        with stage(CACHE_SECONDS=seconds) as issuer:
            raw = issuer.opaque_token("alice", ["read"])
            assert status(handler, raw) == 200
            issuer.revoke(raw)
            issuer.clock.advance(seconds - 1)
            assert status(handler, raw) == 200
            issuer.clock.advance(1)
            assert status(handler, raw) == 401


@pytest.mark.parametrize("row", [pytest.param(None, id="A143-purged")])
def test_what_a_live_view_learns_goes_for_the_others(row):
    for handler in HANDLERS:
        with stage(CACHE_SECONDS=3600) as issuer:
            raw = issuer.opaque_token("alice", ["read"])
            assert status(handler, raw) == 200
            issuer.revoke(raw)
            assert status(handler, raw) == 200
            assert status(handler, raw, LIVE) == 401
            assert status(handler, raw) == 401


@pytest.mark.parametrize(
    ("kept", "wait"),
    [
        pytest.param(0, 0, id="A145-nothing-kept"),
        pytest.param(3, 3, id="A145-kept-briefly"),
        pytest.param(3600, 5, id="A145-kept"),
    ],
)
def test_a_token_that_was_asked_about_too_early_is_good_soon(kept, wait, tried):
    raw = "younger-than-the-replica"
    for handler in HANDLERS:
        with stage(CACHE_SECONDS=kept) as issuer:
            tried(raw, IT, issuer=issuer, handler=handler, may_ask=1)
            issuer.introspection.remember(raw, issuer.claims("alice", ["read"]))
            issuer.clock.advance(wait)
            assert status(handler, raw) == 200


# A146, A147: no answer.


OUTAGES = {
    **{
        f"A146-{code}": (failing(code), "introspection_failed")
        for code in ("dns", "connect", "proxy", "tls", "timeout", "protocol")
    },
    **{
        f"A146-{code}": (failing(code), "introspection_failed")
        for code in ("redirect", "too_large", "content_type", "content_encoding")
    },
    **{
        f"A146-{number}": (failing("status", number), "introspection_failed")
        for number in (204, 404, 405, 408, 418, 500, 502, 503, 504, 599)
    },
    "A146-429": (failing("status", 429, retry_after=30), "introspection_failed"),
    **{
        f"A146-{number}": (failing("status", number), "introspection_refused")
        for number in (400, 413, 414, 422)
    },
    **{
        f"A146-{name}": (said(body, kind), "introspection_untrusted")
        for name, (body, kind) in {
            "html": (HTML, "text/html"),
            "html-as-json": (HTML, "application/json"),
            "text": (b'{"active": true}', "text/plain"),
            "no-kind": (b'{"active": true}', ""),
            "jwt": (b'{"active": true}', "application/jwt"),
            "signed-unasked": (b"x.y.z", "application/token-introspection+jwt"),
            "empty": (b"", "application/json"),
            "true": (b"true", "application/json"),
            "list": (b'[{"active": true}]', "application/json"),
            "cut-off": (b'{"active": true', "application/json"),
            "twice": (b'{"active": false, "active": true}', "application/json"),
            "NaN": (b'{"active": true, "exp": NaN}', "application/json"),
            "utf-16": ('{"active": true}'.encode("utf-16"), "application/json"),
            "deep": (
                b'{"active": true, "x":' + b"[" * 9999 + b"]" * 9999 + b"}",
                "application/json",
            ),
        }.items()
    },
    "A147-401": (failing("status", 401), "introspection_unauthorized"),
    "A147-403": (failing("status", 403), "introspection_unauthorized"),
}


@pytest.mark.parametrize("row", OUTAGES)
def test_nobody_comes_in_while_nobody_can_tell(row, tried, caplog):
    say, reason = OUTAGES[row]
    for handler, urls in ((each, urls) for each in HANDLERS for urls in (PATHS, LIVE)):
        table = {}
        with stage(CACHE_SECONDS=60) as issuer, lying(table):
            fresh = issuer.opaque_token("alice", ["read"])
            good = issuer.opaque_token("alice", ["read"])
            # What was asked about a moment ago is no better on a view that asks.
            for raw in (fresh, good) if urls is LIVE else (fresh,):
                answer = tried(
                    raw,
                    CANNOT_TELL,
                    issuer=issuer,
                    handler=handler,
                    urls=urls,
                    good=good,
                    may_ask=2,
                    # The endpoint may have moved.
                    may_fetch=True,
                    during=partial(outage, table, say, issuer.clock),
                    reason=reason,
                )
                assert not answer.all("WWW-Authenticate")
                if row == "A146-429":
                    assert int(answer.one("Retry-After")) >= 30
            # Nothing of it is kept.
            assert status(handler, fresh, urls) == 200


@pytest.mark.parametrize("row", [pytest.param(None, id="A146-optional")])
def test_an_outage_makes_nobody_anonymous(row, tried):
    table = {}
    with stage() as issuer, lying(table):
        during = partial(outage, table, failing("timeout"), issuer.clock)
        raw = issuer.opaque_token("alice", ["read"])
        options = {"urls": OPEN, "may_ask": 1, "during": during}
        tried(raw, CANNOT_TELL, issuer=issuer, handler="wsgi", **options)


@pytest.mark.parametrize(
    ("number", "advice"),
    [
        pytest.param(401, "CLIENT_ID", id="A147-refused"),
        pytest.param(403, "may not introspect", id="A147-forbidden"),
    ],
)
def test_somebody_is_told_what_is_wrong_with_our_credentials(number, advice, caplog):
    for handler in HANDLERS:
        with stage() as issuer, lying({"*": failing("status", number)}):
            caplog.clear()
            assert status(handler, issuer.opaque_token("alice", ["read"])) == 503
            [alert] = [
                each
                for each in caplog.records
                if getattr(each, "reason", None) == "introspection_unauthorized"
            ]
            assert alert.levelname == "ERROR"
            assert advice in alert.getMessage()


# A148: more questions than an issuer can bear, and fewer than its users need.


def flood(number):
    """Send so many random tokens, most of them past the handlers, which take long."""
    server = wiring.get_resource_server()
    for count in range(number):
        raw = f"{secrets.token_urlsafe(24)}"
        if count % 100:
            with pytest.raises(ResourceServerError):
                server.validate(raw)
        else:
            for handler in HANDLERS:
                assert status(handler, raw) in (401, 503)


@pytest.mark.parametrize("kept", [pytest.param(0, id="A148-flood")])
def test_random_tokens_are_no_flood_at_the_issuer(kept):
    with stage(CACHE_SECONDS=kept) as issuer:
        good = issuer.opaque_token("alice", ["read"])
        jwt = issuer.access_token("alice", ["read"])
        assert status("wsgi", good) == 200
        before = len(issuer.introspection.questions)
        flood(10_000)
        assert len(issuer.introspection.questions) - before <= 200
        # Whoever was in goes on; what is verified here is another purse.
        for handler in HANDLERS:
            assert status(handler, good) == 200
            assert status(handler, jwt) == 200
            assert status(handler, jwt, LIVE) == 200
        # Who comes new waits a moment, is told so, and comes in.
        fresh = issuer.opaque_token("alice", ["read"])
        assert status("wsgi", fresh) == 503
        issuer.clock.advance(1)
        assert status("wsgi", fresh) == 200


@pytest.mark.parametrize("kept", [pytest.param(3600, id="A148-cache")])
def test_random_tokens_leave_little_in_the_cache(kept, settings):
    with stage(CACHE_SECONDS=kept) as issuer:
        answers = DjangoAnswerCache("default")
        caches["default"].clear()
        with wiring.substitute(replace(wiring.get_seams(), answers=answers)):
            good = issuer.opaque_token("alice", ["read"])
            assert status("wsgi", good) == 200
            flood(1000)
            kept_now = list(caches["default"]._cache)
            assert len(kept_now) <= 201
            assert max(map(len, kept_now)) < 128
            assert status("wsgi", good) == 200
            caches["default"].clear()


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param("x" * 15, id="A148-short"),
        pytest.param("x" * 20_000, id="A148-long"),
        pytest.param('quoted"quoted"quoted', id="A148-not-b64token"),
        pytest.param("=" * 20, id="A148-padding"),
        pytest.param("eyJhbGciOiJFUzI1NiJ9.e30.AAAA", id="A148-like-a-jwt"),
        pytest.param("eyJhbGciOiJFUzI1NiJ9..", id="A148-hardly-a-jwt"),
    ],
)
def test_what_is_no_token_costs_no_question(raw, tried):
    for handler in HANDLERS:
        for urls in (PATHS, LIVE):
            with stage() as issuer:
                tried(raw, IT, issuer=issuer, handler=handler, urls=urls)


DEAD = {
    "A148-dead-timeout": failing("timeout"),
    "A148-dead-connect": failing("connect"),
    "A148-dead-503": failing("status", 503),
    "A148-dead-500": failing("status", 500),
    "A148-dead-401": failing("status", 401),
    "A148-dead-html": said(HTML, "text/html"),
    "A148-dead-limit": failing("status", 429, retry_after=60),
}


def no_pause(seconds):
    raise AssertionError("a request waits")


@pytest.mark.parametrize("row", DEAD)
def test_a_dead_endpoint_is_not_asked_a_thousand_times(row):
    asked = []

    def say():
        asked.append(1)
        return DEAD[row]()

    with stage() as issuer:
        tokens = [issuer.opaque_token("alice", ["read"]) for _ in range(3)]
        table = {}
        patient = replace(wiring.get_seams(), pause=no_pause)
        with wiring.substitute(patient), lying(table):
            for raw in tokens:
                assert status("wsgi", raw) == 200
            table["*"] = say
            server = wiring.get_resource_server()
            for count in range(1000):
                with pytest.raises(IntrospectionUnavailable):
                    server.validate(tokens[count % 3], introspect=count % 2 == 0)
                issuer.clock.advance(0.06)
            # A minute's backoff: 1 + 2 + 4 + .. seconds; once more where it may help.
            assert len(asked) <= 2 * 7
            del table["*"]
            issuer.clock.advance(MAX_PAUSE)
            for handler in HANDLERS:
                assert status(handler, tokens[0]) == 200


STUMBLES = {
    **{
        f"A148-stumble-{number}": failing("status", number)
        for number in (400, 403, 413, 414, 418, 422, 500, 501, 505)
    },
    **{
        f"A148-stumble-{code}": failing(code)
        for code in ("redirect", "too_large", "content_type", "content_encoding")
    },
    "A148-stumble-html": said(HTML, "text/html"),
    "A148-stumble-no-json": said(b'{"active": tr'),
}


@pytest.mark.parametrize("row", STUMBLES)
def test_a_crafted_token_shuts_nobody_out(row, tried):
    """A token that the issuer stumbles over tells nothing about the others."""
    for handler, urls in ((each, urls) for each in HANDLERS for urls in (PATHS, LIVE)):
        with stage() as issuer:
            # Nobody was seen yet: right after a deployment.
            fresh = issuer.opaque_token("alice", ["read"])
            with lying({CRAFTED: STUMBLES[row]}):
                assert status(handler, CRAFTED, urls) == 503
                assert status(handler, fresh, urls) == 200
                tried(
                    CRAFTED,
                    CANNOT_TELL,
                    issuer=issuer,
                    handler=handler,
                    urls=urls,
                    may_ask=1,
                )


@pytest.mark.parametrize("row", STUMBLES)
def test_crafted_tokens_are_no_flood_at_the_issuer(row):
    asked = []

    def say():
        asked.append(1)
        return STUMBLES[row]()

    with stage() as issuer:
        good = issuer.opaque_token("alice", ["read"])
        with lying({f"{CRAFTED}-{count}": say for count in range(1000)}):
            assert status("wsgi", good) == 200
            server = wiring.get_resource_server()
            for count in range(1000):
                with pytest.raises(IntrospectionUnavailable):
                    server.validate(f"{CRAFTED}-{count}")
            assert len(asked) <= 200
            for handler in HANDLERS:
                assert status(handler, good) == 200


@pytest.mark.parametrize("row", [pytest.param(None, id="A148-probe")])
def test_a_crafted_token_keeps_no_outage_alive(row):
    """After an outage the first to ask may be the attacker, whose token stumbles."""
    table = {CRAFTED: failing("status", 500)}
    for handler in HANDLERS:
        with stage() as issuer, lying(table):
            good = issuer.opaque_token("alice", ["read"])
            assert status(handler, good) == 200
            with outage(table, failing("timeout"), issuer.clock):
                assert status(handler, good) == 503
            assert status(handler, CRAFTED) == 503
            assert status(handler, good) == 200


# A149: the way a token goes.


def tampered(raw):
    return f"{raw[:-8]}AAAAAAAA"


WAYS = {
    "A149-bad-signature": (lambda i: tampered(i.access_token("bob", ["read"])), 0),
    "A149-unsigned": (lambda i: unsigned(i, {"alg": "none"}, b""), 0),
    "A149-foreign": (
        lambda i: i.access_token("bob", ["read"], iss=f"https://{EVIL}.test"),
        0,
    ),
    "A149-nobody": (lambda i: i.access_token("bob", ["read"], iss=None), 0),
    "A149-expired": (lambda i: i.access_token("bob", ["read"], exp=NOW - 99), 0),
    "A149-audience": (
        lambda i: i.access_token("bob", ["read"], aud="https://other.test"),
        0,
    ),
    "A149-kind": (lambda i: signed(i, typ="logout+jwt"), 0),
    "A149-header-no-json": (lambda i: f"e30x.{'e30'}.{'A' * 40}", 0),
    "A149-four-parts": (lambda i: f"{i.access_token('bob', ['read'])}.AAAA", 1),
    "A149-two-parts": (
        lambda i: i.access_token("bob", ["read"]).rpartition(".")[0],
        1,
    ),
    "A149-dot-first": (lambda i: f".{i.access_token('bob', ['read'])}", 1),
    "A149-opaque": (lambda i: CRAFTED, 1),
}


@pytest.mark.parametrize("row", WAYS)
def test_what_fails_one_way_is_not_tried_the_other(row, tried):
    """Not even where the issuer would say yes: of a JWT its signature decides."""
    make, questions = WAYS[row]
    for handler, urls in ((each, urls) for each in HANDLERS for urls in (PATHS, LIVE)):
        with stage() as issuer:
            raw, good = make(issuer), issuer.opaque_token("alice", ["read"])
            if not questions:
                issuer.introspection.remember(raw, issuer.claims("bob", ["read"]))
                good = issuer.access_token("alice", ["read"])
            tried(
                raw,
                IT,
                issuer=issuer,
                handler=handler,
                urls=urls,
                good=good,
                may_ask=questions,
            )
            assert issuer.introspection.questions.count(raw) == questions


@pytest.mark.parametrize("row", [pytest.param(None, id="A149-asked-alone")])
def test_where_the_issuer_is_asked_no_signature_stands_in_for_it(row, tried):
    for handler in HANDLERS:
        with stage("introspection") as issuer:
            raw = issuer.access_token("bob", ["read"])
            issuer.revoke(raw)
            tried(raw, IT, issuer=issuer, handler=handler, may_ask=1)
            table = {}
            with lying(table):
                good = issuer.access_token("alice", ["read"])
                tried(
                    issuer.access_token("bob", ["read"]),
                    CANNOT_TELL,
                    issuer=issuer,
                    handler=handler,
                    good=good,
                    may_ask=1,
                    during=partial(outage, table, failing("timeout"), issuer.clock),
                )


@pytest.mark.parametrize("row", [pytest.param(None, id="A149-local")])
def test_where_tokens_are_checked_here_no_opaque_token_is_asked_about(row, tried):
    for handler in HANDLERS:
        with stage("local") as issuer:
            raw = issuer.opaque_token("bob", ["read"])
            good = issuer.access_token("alice", ["read"])
            for urls in (PATHS, LIVE):
                tried(raw, IT, issuer=issuer, handler=handler, urls=urls, good=good)


# A151: old answers.


AGES = {
    "A151-a-minute": {"iat": NOW - 60},
    "A151-past-the-leeway": {"iat": NOW - 31},
    "A151-a-year": {"iat": NOW - 365 * 86400},
    "A151-ahead": {"iat": NOW + 31},
    "A151-missing": {"iat": ...},
    "A151-null": {"iat": None},
    "A151-text": {"iat": str(NOW)},
    "A151-true": {"iat": True},
    "A151-list": {"iat": [NOW]},
    "A151-inside": {"iat": ..., "nbf": NOW},
}


@pytest.mark.parametrize("row", AGES)
def test_an_old_answer_is_none(row, tried):
    for handler in HANDLERS:
        with stage(SIGNED_RESPONSES=True) as issuer:
            with lying({CRAFTED: signed_lie(issuer, **AGES[row])}):
                tried(
                    CRAFTED,
                    CANNOT_TELL,
                    issuer=issuer,
                    handler=handler,
                    may_ask=1,
                    reason="introspection_untrusted",
                )
            with lying({CRAFTED: signed_lie(issuer, iat=NOW - 30)}):
                assert status(handler, CRAFTED) == 200


# A152: where a question goes.


CHOOSERS = {
    "A152-token": Sent((f"Bearer //{EVIL}.test/introspect",)),
    "A152-form-in-token": Sent((f"Bearer {CRAFTED}+iss=",)),
    "A152-query": Sent(
        (f"Bearer {CRAFTED}",),
        query=f"iss=https://{EVIL}.test&token_type_hint=refresh_token&issuer=other",
    ),
    "A152-headers": Sent(
        (f"Bearer {CRAFTED}",),
        headers={
            "X-Issuer": f"https://{EVIL}.test",
            "X-Forwarded-Host": f"{EVIL}.test",
            "Token-Type-Hint": "refresh_token",
        },
    ),
    "A152-body": Sent(
        (f"Bearer {CRAFTED}",),
        method="POST",
        body=b"token=other&token_type_hint=refresh_token&iss=https://other.test",
        content_type="application/x-www-form-urlencoded",
    ),
}


@pytest.mark.parametrize("row", CHOOSERS)
def test_a_token_chooses_nobody_to_be_asked(row, caplog, monkeypatch):
    """Of two issuers that can be asked, the one configured gets every opaque token."""
    sent, asked = CHOOSERS[row], []
    both = settings_of()
    default = both["ISSUERS"]["default"]
    asked_too = {**default["INTROSPECTION"], "OPAQUE_TOKENS": False}
    other = {**default, "ISSUER": "https://other.test", "INTROSPECTION": asked_too}
    settings = {**both, "ISSUERS": {"other": other, "default": default}}
    with override_settings(OIDC_RS=settings, MIDDLEWARE=[]):
        clock = FakeClock(NOW)
        others, issuer = (
            FakeIssuer(policy, clock=clock) for policy in get_config().issuers
        )
        raw = sent.authorization[0].split()[1]
        # The other one would say yes.
        others.introspection.remember(raw, others.claims("bob", ["read"]))
        for handler, url in PATHS.items():
            with install(others, issuer, clock=clock):
                seams = wiring.get_seams()

                def post(address, *, body, _post=seams.post, **options):
                    asked.append((address, parse_qs(body.decode())))
                    return _post(address, body=body, **options)

                with wiring.substitute(replace(seams, post=post)):
                    strike(
                        sent,
                        IT,
                        url=url,
                        handler=handler,
                        issuer=issuer,
                        good=issuer.opaque_token("alice", ["read"]),
                        caplog=caplog,
                        monkeypatch=monkeypatch,
                        may_ask=1,
                    )
        assert others.introspection.questions == []
        assert {address for address, _ in asked} == {issuer.introspection.endpoint}
        for _, form in asked:
            assert form.keys() == {"token", "token_type_hint"}
            assert form["token_type_hint"] == ["access_token"]
        assert [raw] in [form["token"] for _, form in asked]
