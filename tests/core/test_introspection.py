"""One question to the issuer: what is sent, and what is believed. RFC 7662."""

from __future__ import annotations

import base64
import json
import logging
from traceback import format_exception

import pytest

from django_oidc_rs.core.breaker import QuestionRefused
from django_oidc_rs.core.errors import IntrospectionUnavailable
from django_oidc_rs.core.http import FetchError
from django_oidc_rs.core.signed_answer import SIGNED_ANSWER

from .asking import (
    CLIENT_ID,
    ENDPOINT,
    JSON,
    OPAQUE,
    OPENID,
    RFC8414,
    SECRET,
    Asking,
    document,
)
from .builders import ISSUER, claims

GOOD = {"active": True, **claims()}
METADATA = {"issuer": ISSUER, "introspection_endpoint": ENDPOINT}
DISCOVERED = {"endpoint": None}
UNKNOWN_METHOD = {"credentials": {"method": None}}


def status(code, retry_after=None):
    return FetchError("status", f"HTTP {code}", status=code, retry_after=retry_after)


def unavailable(asking, raw_token=OPAQUE):
    """Return the stable reason and Retry-After of a question that came to nothing."""
    with pytest.raises(IntrospectionUnavailable) as caught:
        asking.ask(raw_token)
    return caught.value.reason or caught.value.detail, caught.value.retry_after


# What is sent.


def test_the_token_is_posted_with_its_hint_and_our_credentials():
    asking = Asking(document(GOOD))
    assert asking.ask() == claims()
    [(url, _body, headers, certificate)] = asking.post.requests
    assert url == ENDPOINT
    assert asking.post.forms == [
        {"token": OPAQUE, "token_type_hint": "access_token"},
    ]
    pair = base64.b64encode(b"orders%3Aapi:s3cret+%26+more").decode()
    assert headers == {
        "Accept": JSON,
        "Content-Type": "application/x-www-form-urlencoded",
        "Authorization": f"Basic {pair}",
    }
    assert certificate is None
    assert asking.fetch.urls == []
    assert asking.reports == [("default", "")]


def test_a_token_that_needs_encoding_stays_one_field():
    asking = Asking()
    asking.ask("a&token=b+c/d=e f%")
    assert asking.post.forms[0]["token"] == "a&token=b+c/d=e f%"
    assert OPAQUE not in asking.post.requests[0][0]


def test_credentials_may_stand_in_the_form():
    asking = Asking(credentials={"method": "client_secret_post"})
    asking.ask()
    assert asking.post.forms == [
        {
            "token": OPAQUE,
            "token_type_hint": "access_token",
            "client_id": CLIENT_ID,
            "client_secret": SECRET,
        }
    ]
    assert "Authorization" not in asking.post.requests[0][2]


def test_signed_answers_are_asked_for_by_their_media_type():
    asking = Asking(signed_responses=True)
    unavailable(asking)
    assert asking.post.requests[0][2]["Accept"] == SIGNED_ANSWER


def test_a_certificate_is_handed_to_the_transport():
    asking = Asking(
        credentials={
            "client_secret": None,
            "certificate": ("c.pem", "k.pem"),
            "method": "tls_client_auth",
        }
    )
    asking.ask()
    assert asking.post.requests[0][3] == ("c.pem", "k.pem")
    assert asking.post.forms[0]["client_id"] == CLIENT_ID


def test_credentials_that_fit_no_method_of_the_issuer(caplog):
    methods = {"introspection_endpoint_auth_methods_supported": ["private_key_jwt"]}
    asking = Asking(
        at={OPENID: {**METADATA, **methods}}, **DISCOVERED, **UNKNOWN_METHOD
    )
    assert unavailable(asking) == ("introspection_unauthorized", 1)
    assert asking.post.requests == []
    assert "metadata lists no method" in caplog.text
    # No token is at fault.
    assert unavailable(asking, OPAQUE + "2") == ("the endpoint failed a moment ago", 1)


def test_the_method_is_one_that_the_metadata_lists():
    methods = {"introspection_endpoint_auth_methods_supported": ["client_secret_post"]}
    asking = Asking(at={OPENID: {**METADATA, **methods}}, **UNKNOWN_METHOD)
    asking.ask()
    assert asking.post.forms[0]["client_secret"] == SECRET


# What is active: JSON true, and nothing else.


@pytest.mark.parametrize(
    "active",
    [False, None, "true", "True", 1, 1.0, [True], {"a": True}, "", 0, "active"],
)
def test_what_is_not_true_is_not_active(active):
    asking = Asking(document({**GOOD, "active": active}))
    assert asking.ask() is None
    assert asking.reports == [("default", "")]


def test_an_answer_that_says_nothing_of_active_is_not_active():
    assert Asking(document(claims())).ask() is None
    assert Asking(document({})).ask() is None


def test_an_answer_may_hold_nothing_but_active():
    assert Asking(document({"active": True})).ask() == {}


# Failures: never a yes, and never the caller's fault.

REFUSED, UNAUTHORIZED = "introspection_refused", "introspection_unauthorized"
FAILED, UNTRUSTED = "introspection_failed", "introspection_untrusted"
DEEP = b'{"active":true,"a":' + b"[" * 32 + b"]" * 32 + b"}"


@pytest.mark.parametrize(
    ("said", "reason", "retry_after"),
    [
        pytest.param(FetchError("connect"), FAILED, 1, id="connect"),
        pytest.param(FetchError("timeout"), FAILED, 1, id="timeout"),
        pytest.param(FetchError("tls"), FAILED, 1, id="tls"),
        pytest.param(FetchError("dns"), FAILED, 1, id="dns"),
        pytest.param(FetchError("redirect"), FAILED, 1, id="redirect"),
        pytest.param(FetchError("too_large"), FAILED, 1, id="too-large"),
        *(
            pytest.param(status(code), reason, 1, id=str(code))
            for code, reason in {
                400: REFUSED,
                413: REFUSED,
                414: REFUSED,
                422: REFUSED,
                401: UNAUTHORIZED,
                403: UNAUTHORIZED,
                404: FAILED,
                405: FAILED,
                418: FAILED,
                429: FAILED,
                500: FAILED,
                502: FAILED,
                503: FAILED,
            }.items()
        ),
        pytest.param(status(429, 17), FAILED, 17, id="429-retry-after"),
        pytest.param(status(503, 60), FAILED, 60, id="503-retry-after"),
        pytest.param(document("<html>", "text/html"), UNTRUSTED, 1, id="html"),
        pytest.param(document(GOOD, "text/plain"), UNTRUSTED, 1, id="text"),
        pytest.param(document(GOOD, None), UNTRUSTED, 1, id="no-type"),
        pytest.param(document(GOOD, JSON + "x"), UNTRUSTED, 1, id="other-type"),
        pytest.param(document(GOOD, SIGNED_ANSWER), UNTRUSTED, 1, id="signed-unasked"),
        pytest.param(document(b"{"), UNTRUSTED, 1, id="cut"),
        pytest.param(document(b""), UNTRUSTED, 1, id="empty"),
        pytest.param(document([GOOD]), UNTRUSTED, 1, id="array"),
        pytest.param(document("true"), UNTRUSTED, 1, id="bare-true"),
        pytest.param(
            document('{"active":false,"active":true}'), UNTRUSTED, 1, id="duplicate"
        ),
        pytest.param(document(b'{"active":true,"exp":NaN}'), UNTRUSTED, 1, id="nan"),
        pytest.param(document(b'{"active":true,"a":"\xff"}'), UNTRUSTED, 1, id="utf8"),
        pytest.param(document(r'{"a":"\ud800"}'), UNTRUSTED, 1, id="surrogate"),
        pytest.param(document(DEEP), UNTRUSTED, 1, id="33-levels"),
        pytest.param(
            document('{"active":true,"exp":' + "9" * 5000 + "}"),
            UNTRUSTED,
            1,
            id="endless-integer",
        ),
    ],
)
def test_no_answer_that_can_be_believed(said, reason, retry_after, caplog):
    asking = Asking(said)
    assert unavailable(asking) == (reason, retry_after)
    assert asking.reports == [("default", reason)]
    [record] = caplog.records
    level = logging.WARNING if reason == REFUSED else logging.ERROR
    assert (record.levelno, record.name) == (level, "django_oidc_rs.introspection")
    assert (record.reason, record.issuer_alias) == (reason, "default")
    for secret in (OPAQUE, SECRET, "s3cret"):
        assert secret not in caplog.text


# Nobody but the endpoint can be at fault.
ALONE = {401, 404, 405, 408, 429, 502, 503, 504}
STUMBLES = [
    *map(status, (400, 403, 413, 414, 418, 422, 500, 501)),
    *map(FetchError, ("redirect", "too_large", "content_type", "content_encoding")),
    document("<html>", "text/html"),
    document(b"{"),
]
OUTAGES = [
    *map(status, sorted(ALONE)),
    *map(FetchError, ("dns", "connect", "proxy", "tls", "timeout", "protocol")),
]


@pytest.mark.parametrize("said", STUMBLES)
def test_what_a_token_may_have_brought_about_shuts_nobody_out(said):
    asking = Asking(said, said, document(GOOD), document(GOOD))
    for _ in range(2):
        with pytest.raises(QuestionRefused):
            asking.ask()
    assert asking.ask(OPAQUE + "2") == claims()


@pytest.mark.parametrize("said", OUTAGES)
def test_what_no_token_brings_about_shuts_the_endpoint(said):
    asking = Asking(said)
    unavailable(asking)
    asked = len(asking.post.requests)
    unavailable(asking, OPAQUE + "2")
    assert len(asking.post.requests) == asked


@pytest.mark.parametrize("said", [*STUMBLES, *OUTAGES])
def test_a_token_that_was_fine_tells_that_the_endpoint_is_not(said):
    asking = Asking(document(GOOD), said)
    asking.ask()
    reason, _seconds = unavailable(asking)
    asked = len(asking.post.requests)
    unavailable(asking, OPAQUE + "2")
    # A token that is not there any more may be refused for good.
    assert (len(asking.post.requests) == asked) is (reason != REFUSED)


def test_while_tokens_nobody_knows_fail_those_that_were_fine_go_on():
    asking = Asking(document(GOOD), FetchError("timeout"), document(GOOD))
    asking.ask()
    unavailable(asking, OPAQUE + "2")
    unavailable(asking, OPAQUE + "3")
    assert asking.ask() == claims()
    assert len(asking.post.requests) == 3


@pytest.mark.parametrize(
    ("said", "shut"), [(status(500), False), (FetchError("timeout"), True)]
)
def test_who_was_alone_in_a_doubt_shuts_nobody_out_again(said, shut):
    asking = Asking(
        *(document(GOOD), said, document(GOOD), status(500), document(GOOD))
    )
    asking.ask()
    unavailable(asking)
    asking.clock.advance(1)
    asking.ask(OPAQUE + "2")
    unavailable(asking)
    asked = len(asking.post.requests)
    if shut:
        unavailable(asking, OPAQUE + "3")
    else:
        asking.ask(OPAQUE + "3")
    assert len(asking.post.requests) == asked + (not shut)


def test_a_token_that_is_no_longer_active_tells_nothing():
    asking = Asking(
        document(GOOD), document({"active": False}), status(500), document(GOOD)
    )
    assert asking.ask() == claims()
    assert asking.ask() is None
    unavailable(asking)
    assert asking.ask(OPAQUE + "2") == claims()


def test_a_probe_in_doubt_lets_the_next_one_try():
    asking = Asking(FetchError("timeout"), status(500), document(GOOD))
    unavailable(asking)
    asking.clock.advance(1)
    assert unavailable(asking) == (FAILED, 1)
    assert asking.ask() == claims()


@pytest.mark.parametrize(
    "kind", [JSON, "Application/JSON", f"{JSON};charset=utf-8", f" {JSON} ; q=1"]
)
def test_the_media_type_as_servers_write_it(kind):
    assert Asking(document(GOOD, kind)).ask() == claims()


def test_what_to_do_about_it_stands_in_the_log(caplog):
    for code, words in {
        401: "CLIENT_ID",
        403: "allow it",
        404: "ENDPOINT",
        405: "ENDPOINT",
        429: "CACHE_SECONDS",
    }.items():
        caplog.clear()
        unavailable(Asking(status(code)))
        assert words in caplog.text


@pytest.mark.parametrize(
    ("said", "reason", "words"),
    [
        (status(400), REFUSED, "HTTP 400 for this token"),
        (status(404), FAILED, "HTTP 404: there is no such endpoint: look at ENDPOINT"),
        (status(500), FAILED, str(status(500))),
        (FetchError("timeout", "too late"), FAILED, "timeout: too late"),
        (
            document(GOOD, None),
            UNTRUSTED,
            "the answer is no application/json but ''",
        ),
        (document(b"{"), UNTRUSTED, "not JSON"),
    ],
)
def test_an_operator_reads_what_happened(said, reason, words, caplog):
    with pytest.raises(IntrospectionUnavailable) as caught:
        Asking(said).ask()
    assert caught.value.detail == words
    assert caplog.messages == [f"Introspection at issuer default: {reason}: {words}"]


def test_a_media_type_cannot_fill_the_log(caplog):
    unavailable(Asking(document(GOOD, "x" * 5000)))
    assert len(caplog.messages[0]) < 300


def test_an_outage_costs_one_question_and_ends_by_itself():
    asking = Asking(FetchError("timeout"), document(GOOD))
    assert unavailable(asking) == (FAILED, 1)
    for _ in range(20):
        assert unavailable(asking) == ("the endpoint failed a moment ago", 1)
    assert len(asking.post.requests) == 1
    asking.clock.advance(1)
    assert asking.ask() == claims()
    assert asking.ask() == claims()
    # What was not asked is not reported.
    assert asking.reports == [("default", FAILED), ("default", ""), ("default", "")]


def test_jitter_spreads_processes_out():
    asking = Asking(FetchError("timeout"), jitter=1.0)
    unavailable(asking)
    asking.clock.advance(1.1)
    unavailable(asking)
    assert len(asking.post.requests) == 1


def test_a_refused_question_closes_the_breaker():
    asking = Asking(FetchError("timeout"), status(400), document(GOOD))
    unavailable(asking)
    asking.clock.advance(1)
    assert unavailable(asking) == (REFUSED, 1)
    assert asking.ask() == claims()


@pytest.mark.parametrize("fault", [KeyboardInterrupt, SystemExit, ZeroDivisionError])
def test_a_fault_of_ours_does_not_keep_the_probe(fault):
    asking = Asking(FetchError("timeout"), fault(), document(GOOD))
    unavailable(asking)
    asking.clock.advance(1)
    with pytest.raises(fault):
        asking.ask()
    assert unavailable(asking) == ("the endpoint failed a moment ago", 2)
    asking.clock.advance(2)
    assert asking.ask() == claims()


@pytest.mark.parametrize(
    ("said", "questions"),
    [
        (FetchError("connect"), 2),
        (FetchError("proxy"), 2),
        (status(502), 2),
        (status(503), 2),
        (status(504), 2),
        # It said when: not now.
        (status(503, 5), 1),
        (FetchError("timeout"), 1),
        (FetchError("tls"), 1),
        (status(429), 1),
        (status(500), 1),
        (status(401), 1),
    ],
)
def test_what_may_be_gone_at_once_is_tried_once_more(said, questions):
    asking = Asking(said)
    unavailable(asking)
    assert len(asking.post.requests) == questions


def test_the_second_try_may_succeed():
    asking = Asking(FetchError("connect"), document(GOOD))
    assert asking.ask() == claims()
    assert asking.reports == [("default", "")]
    one, other = asking.post.requests
    assert one == other


def test_the_second_try_has_an_assertion_of_its_own():
    # RFC 7523 section 3: a server that read the first one refuses its "jti".
    asking = Asking(
        FetchError("connect"),
        document(GOOD),
        credentials={"client_secret": "s" * 32, "method": "client_secret_jwt"},
    )
    asking.ask()
    one, other = (form["client_assertion"] for form in asking.post.forms)

    def said(assertion):
        payload = assertion.split(".")[1]
        return json.loads(base64.urlsafe_b64decode(payload + "=="))

    assert said(one)["jti"] != said(other)["jti"]
    assert said(one)["aud"] == said(other)["aud"] == ISSUER


def test_nothing_of_the_request_is_in_the_error():
    asking = Asking(FetchError("connect", "refused"))
    with pytest.raises(IntrospectionUnavailable) as caught:
        asking.ask()
    shown = "".join(format_exception(caught.value)) + repr(caught.value)
    for secret in (OPAQUE, SECRET, "s3cret", "Basic"):
        assert secret not in shown
    assert "s3cret" not in repr(asking.asked)
    assert "s3cret" not in repr(asking.policy)


# Where to ask.


def test_the_endpoint_comes_from_the_metadata_which_is_kept_for_an_hour():
    asking = Asking(at={OPENID: METADATA}, **DISCOVERED)
    for _ in range(3):
        asking.ask()
    assert asking.post.requests[0][0] == ENDPOINT
    asking.clock.advance(3599)
    asking.ask()
    assert asking.fetch.urls == [OPENID]
    asking.clock.advance(1)
    asking.ask()
    assert asking.fetch.urls == [OPENID] * 2


@pytest.mark.parametrize("fault", [FetchError("timeout"), {"issuer": "https://x.test"}])
def test_metadata_that_went_away_takes_no_endpoint_with_it(fault):
    asking = Asking(at={OPENID: METADATA}, **DISCOVERED)
    asking.ask()
    asking.clock.advance(3600)
    asking.fetch.at[OPENID] = fault
    asking.ask()
    assert asking.post.requests[1][0] == ENDPOINT
    # Looked for once a minute until it is back.
    asking.ask()
    assert len(asking.fetch.urls) == 2
    asking.clock.advance(60)
    moved = f"{ISSUER}/v2/introspect"
    asking.fetch.at[OPENID] = {**METADATA, "introspection_endpoint": moved}
    asking.ask()
    assert len(asking.fetch.urls) == 3
    assert asking.post.requests[-1][0] == moved


def test_an_outage_of_the_metadata_settles_no_method():
    asking = Asking(at={OPENID: FetchError("timeout")}, **UNKNOWN_METHOD)
    asking.ask()
    asking.ask()
    assert asking.fetch.urls == [OPENID]
    assert "Authorization" in asking.post.requests[1][2]
    methods = {"introspection_endpoint_auth_methods_supported": ["client_secret_post"]}
    asking.fetch.at[OPENID] = {**METADATA, **methods}
    asking.clock.advance(60)
    asking.ask()
    assert "Authorization" not in asking.post.requests[2][2]


def test_an_endpoint_that_is_null_is_looked_for_elsewhere():
    first = {"issuer": ISSUER, "introspection_endpoint": None}
    asking = Asking(at={OPENID: first, RFC8414: METADATA}, **DISCOVERED)
    asking.ask()
    assert asking.fetch.urls == [OPENID, RFC8414]


@pytest.mark.parametrize(
    ("code", "again"), [(401, 1), (404, 1), (405, 1), (403, 0), (500, 0), (400, 0)]
)
def test_metadata_is_read_again_where_it_may_have_changed(code, again):
    asking = Asking(status(code), document(GOOD), at={OPENID: METADATA}, **DISCOVERED)
    unavailable(asking)
    moved = f"{ISSUER}/v2/introspect"
    asking.fetch.at[OPENID] = {**METADATA, "introspection_endpoint": moved}
    asking.clock.advance(1)
    asking.ask()
    assert asking.fetch.urls == [OPENID] * (1 + again)
    assert asking.post.requests[-1][0] == (moved if again else ENDPOINT)


def test_an_endpoint_of_the_settings_wins():
    elsewhere = "https://elsewhere.test/introspect"
    asking = Asking(at={OPENID: METADATA}, endpoint=elsewhere, **UNKNOWN_METHOD)
    asking.ask()
    assert asking.post.requests[0][0] == elsewhere
    assert asking.fetch.urls == [OPENID]


@pytest.mark.parametrize(
    "metadata", [FetchError("timeout"), {"issuer": "https://evil.test"}, {}]
)
def test_without_metadata_an_endpoint_of_the_settings_is_enough(metadata):
    asking = Asking(at={OPENID: metadata}, **UNKNOWN_METHOD)
    asking.ask()
    assert asking.post.requests[0][0] == ENDPOINT
    assert "Authorization" in asking.post.requests[0][2]


def test_the_second_document_may_name_the_endpoint():
    # django-oauth-toolkit names it in its RFC 8414 document alone.
    asking = Asking(at={OPENID: {"issuer": ISSUER}, RFC8414: METADATA}, **DISCOVERED)
    asking.ask()
    assert asking.fetch.urls == [OPENID, RFC8414]


def test_the_second_document_may_be_the_only_one():
    asking = Asking(at={RFC8414: METADATA}, **DISCOVERED)
    asking.ask()
    assert asking.fetch.urls == [OPENID, RFC8414]


def test_a_metadata_url_of_the_settings_is_the_only_one():
    url = "https://elsewhere.test/metadata"
    asking = Asking(at={url: METADATA}, policy={"metadata_url": url}, **DISCOVERED)
    asking.ask()
    assert asking.fetch.urls == [url]


UNNAMED = (
    f"{OPENID} names no introspection_endpoint: if this server can be asked, write its "
    "address as ENDPOINT in INTROSPECTION"
)


@pytest.mark.parametrize(
    ("at", "words"),
    [
        pytest.param({OPENID: FetchError("timeout")}, "timeout", id="down"),
        pytest.param({OPENID: status(500)}, "500", id="500"),
        pytest.param({OPENID: status(429)}, "429", id="429"),
        pytest.param({}, "404", id="nowhere"),
        pytest.param({OPENID: {"issuer": ISSUER}}, UNNAMED, id="second-missing"),
        pytest.param(
            {OPENID: {"issuer": ISSUER}, RFC8414: FetchError("timeout")},
            f"{UNNAMED} ({RFC8414}: timeout",
            id="second-down",
        ),
        pytest.param(
            {OPENID: {"issuer": ISSUER}, RFC8414: {"issuer": ISSUER}},
            UNNAMED.replace(OPENID, RFC8414),
            id="in-neither",
        ),
        pytest.param(
            {OPENID: {**METADATA, "issuer": f"{ISSUER}/"}},
            "issuer",
            id="issuer-mismatch",
        ),
        *(
            pytest.param(
                {OPENID: {**METADATA, "introspection_endpoint": endpoint}},
                "not of the issuer's origin",
                id=f"foreign-{endpoint}",
            )
            for endpoint in (
                "https://evil.test/introspect",
                "http://issuer.test/introspect",
                f"{ISSUER}:8443/introspect",
                f"{ISSUER}.evil.test/introspect",
                f"{ISSUER}@evil.test/introspect",
                "//issuer.test/introspect",
                "/introspect",
                "https://[::1/",
                "",
                7,
                [ENDPOINT],
            )
        ),
    ],
)
def test_no_metadata_no_question(at, words, caplog):
    asking = Asking(at=at, **DISCOVERED)
    assert unavailable(asking) == (FAILED, 1)
    assert asking.post.requests == []
    assert words in caplog.text
    assert asking.reports == [("default", FAILED)]


@pytest.mark.parametrize("methods", [None, "client_secret_post", [1], {}, []])
def test_methods_that_are_no_list_of_texts_say_nothing(methods):
    listed = {"introspection_endpoint_auth_methods_supported": methods}
    asking = Asking(at={OPENID: {**METADATA, **listed}}, **DISCOVERED, **UNKNOWN_METHOD)
    asking.ask()
    assert "Authorization" in asking.post.requests[0][2]


def test_nobody_need_be_told():
    asking = Asking()
    asking.client._on_answer = None
    assert asking.ask() is None
