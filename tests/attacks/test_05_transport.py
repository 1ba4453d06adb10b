"""Section 5: how a token travels, and what stands beside it."""

from __future__ import annotations

import json
import logging
from urllib.parse import urlencode

import pytest
from django.contrib.auth import get_user_model
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from django_oidc_rs.checks import check_authentication_classes
from tests.attacks.harness import EVIL, HANDLERS, Outcome, Sent
from tests.attacks.surface import (
    FORM,
    IR,
    IS,
    IT,
    NA,
    OK,
    claiming,
    everywhere,
    over_every_handler,
    resigned,
    rows,
    rows_everywhere,
    signed,
    unsigned,
)

pytestmark = [pytest.mark.urls("tests.attacks.surface"), pytest.mark.django_db]


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
        "A92-twice": (Sent(query=f"{form}&{form}"), NA),
        "A92-empty": (Sent(query="access_token="), NA),
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
        "A98-head-good": (Sent((bearer,), "HEAD"), OK),
        "A98-unknown-method": (Sent(method="BREW"), NA),
        "A98-lower-case-method": (Sent(method="get"), NA),
        "A98-delete": (Sent(method="DELETE"), NA),
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


@everywhere
@pytest.mark.parametrize("row", transports("token"))
def test_transport(row, url, handler, issuer, attack):
    good = issuer.access_token("alice", ["read"])
    sent, outcome = transports(good)[row]
    attack(sent, outcome, url=url, handler=handler, good=good)


@pytest.mark.parametrize("url", ["/drf", "/view", "/aview"])
@pytest.mark.parametrize("row", [f"A101-{row}" for row in transports("token")])
def test_both_handlers_say_the_same(row, url, issuer):
    token = issuer.access_token("alice", ["read"])
    sent, _outcome = transports(token)[row.removeprefix("A101-")]
    one, other = (send(url, sent) for send in HANDLERS.values())
    assert one.status == other.status
    assert one.body == other.body
    assert sorted(one.headers) == sorted(other.headers)


@rows("A97")
def test_an_overridden_method_is_not_the_method(handler, issuer, attack):
    token = issuer.access_token("alice", ["read"])
    answer = attack(
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
        good=token,
    )
    assert 'scope="write"' in answer.one("WWW-Authenticate")


@rows_everywhere("A98-head-poor")
def test_head_needs_the_scope_of_get(handler, url, issuer, attack):
    poor = issuer.access_token("alice", ["other"])
    attack(Sent((f"Bearer {poor}",), "HEAD"), IS, url=url, handler=handler)


@over_every_handler
@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda issuer: "x.y.z", id="A99"),
        pytest.param(claiming(exp=...), id="A99-claims"),
        pytest.param(
            lambda issuer: resigned(issuer, lambda raw: raw[::-1]), id="A99-signature"
        ),
        pytest.param(lambda issuer: unsigned(issuer, {"alg": "none"}), id="A99-none"),
    ],
)
def test_a_bad_token_on_a_public_view(make, handler, issuer, attack):
    attack(make(issuer), IT, url="/public", handler=handler)
    assert HANDLERS[handler]("/public", Sent()).status == 200


@pytest.fixture
def visitor(db):
    """Return the cookie of somebody who is signed in, and staff."""
    client = Client()
    client.force_login(get_user_model().objects.create_user("visitor", is_staff=True))
    return {"Cookie": f"sessionid={client.cookies['sessionid'].value}"}


@everywhere
@pytest.mark.parametrize(
    ("authorization", "outcome"),
    [
        pytest.param((), NA, id="A100-session-alone"),
        pytest.param(("Bearer x.y.z",), IT, id="A100"),
        pytest.param(("Bearer",), IR, id="A100-malformed"),
    ],
)
def test_a_session_beside_the_token(
    authorization, outcome, url, handler, visitor, attack
):
    """A session never stands in for a token that failed, nor for a scope."""
    if url == "/drf" and not authorization:
        # REST framework knows the visitor; a session has no scope to offer.
        assert HANDLERS[handler](url, Sent(headers=visitor)).status == 403
        return
    attack(Sent(authorization, headers=visitor), outcome, url=url, handler=handler)


@rows("A100-public")
def test_a_session_opens_no_public_view_to_a_bad_token(handler, visitor, attack):
    sent = Sent(("Bearer x.y.z",), headers=visitor)
    attack(sent, IT, url="/public", handler=handler)


@everywhere
@pytest.mark.parametrize(
    "make",
    [
        pytest.param(claiming(iss=f"<script>{EVIL}</script>"), id="A103-iss"),
        pytest.param(claiming(aud=f"<script>{EVIL}</script>"), id="A103-aud"),
        pytest.param(claiming(exp=f"<script>{EVIL}</script>"), id="A103-exp"),
        pytest.param(
            lambda i: signed(i, alg=f"<script>{EVIL}</script>"), id="A103-alg"
        ),
        pytest.param(
            lambda i: signed(i, typ=f"<script>{EVIL}</script>"), id="A103-typ"
        ),
        pytest.param(
            lambda i: signed(i, kid=f"<script>{EVIL}</script>"), id="A103-kid"
        ),
        pytest.param(lambda i: f"<script>{EVIL}</script>", id="A103-header"),
    ],
)
def test_nothing_is_reflected(make, url, handler, issuer, attack, settings):
    # DEBUG is no reason to show a caller what somebody else wrote.
    settings.DEBUG = True
    attack(make(issuer), IT, url=url, handler=handler, may_fetch=True)


CAUSES = {
    "malformed_token": lambda i: "x.y.z",
    "token_too_long": lambda i: "A" * 20000,
    "untrusted_issuer": claiming(iss="https://other.test"),
    "algorithm_not_allowed": lambda i: signed(i, alg="none"),
    "not_an_access_token": lambda i: signed(i, typ="logout+jwt"),
    "unknown_key": lambda i: signed(i, kid="other"),
    "key_unusable": lambda i: signed(i, kid="rsa"),
    "bad_signature": lambda i: resigned(i, lambda raw: raw[::-1]),
    "expired_token": claiming(exp=1),
    "token_not_yet_valid": claiming(nbf=9999999999),
    "invalid_claim": claiming(aud="https://other.test"),
    "unconfirmed_token": claiming(cnf={"jkt": "x"}),
    "user_rejected": claiming(sub="leaver"),
}


@pytest.mark.parametrize("debug", [False, True])
@rows_everywhere("A104")
def test_the_cause_is_for_the_log_alone(handler, debug, url, issuer, settings, caplog):
    settings.DEBUG = debug
    caplog.set_level(logging.DEBUG)
    send = HANDLERS[handler]
    leaver = Sent((f"Bearer {issuer.access_token('leaver', ['read'])}",))
    assert send(url, leaver).status == 200
    get_user_model().objects.update(is_active=False)
    told, causes, queries = set(), [], {}
    for cause, make in CAUSES.items():
        caplog.clear()
        with CaptureQueriesContext(connection) as captured:
            answer = send(url, Sent((f"Bearer {make(issuer)}",)))
        told.add((answer.status, answer.headers, answer.body))
        causes.extend(
            record.reason for record in caplog.records if hasattr(record, "reason")
        )
        queries[cause] = len(captured)
    assert len(told) == 1
    assert causes == list(CAUSES)
    # Work that only a well signed token causes: nobody else can time it.
    assert queries.pop("user_rejected") == 1
    assert set(queries.values()) == {0}


@over_every_handler
@pytest.mark.parametrize("url", ["/session-first", "/quiet-first"])
@pytest.mark.parametrize(
    ("sent", "outcome"),
    [
        pytest.param(Sent(("Bearer x.y.z",)), IT, id="A105-bad-token"),
        pytest.param(Sent(("Bearer",)), IR, id="A105-malformed"),
        pytest.param(Sent(), NA, id="A105-none"),
        pytest.param(Sent(("Basic YTpi",)), NA, id="A105-basic"),
        pytest.param(Sent(('Digest username="a", realm="b"',)), NA, id="A105-digest"),
    ],
)
def test_401_stays_401_whoever_stands_first(sent, outcome, url, handler, attack):
    """REST framework makes 403 of it where the first class has no challenge."""
    attack(sent, outcome, url=url, handler=handler)


@pytest.mark.parametrize(
    ("classes", "found"),
    [
        pytest.param(
            ["rest_framework.authentication.SessionAuthentication"],
            [],
            id="A105-check-not-ours",
        ),
        pytest.param(
            [
                "rest_framework.authentication.SessionAuthentication",
                "django_oidc_rs.rest_framework.AccessTokenAuthentication",
            ],
            ["django_oidc_rs.E021"],
            id="A105-check-second",
        ),
        pytest.param(
            [
                "django_oidc_rs.rest_framework.AccessTokenAuthentication",
                "rest_framework.authentication.SessionAuthentication",
            ],
            [],
            id="A105-check-first",
        ),
    ],
)
def test_a_session_class_before_ours_is_an_error(classes, found, settings):
    settings.REST_FRAMEWORK = {"DEFAULT_AUTHENTICATION_CLASSES": classes}
    assert [message.id for message in check_authentication_classes(None)] == found


@pytest.mark.parametrize("url", ["/drf-cached", "/cached", "/cached-inside"])
@rows("A106")
def test_a_shared_cache_hands_nobody_anothers_answer(handler, url, issuer):
    send = HANDLERS[handler]
    alice, bob = (
        Sent((f"Bearer {issuer.access_token(name, ['read'])}",))
        for name in ("alice", "bob")
    )
    first = send(url, alice)
    assert first.status == 200
    assert send(url, alice).body == first.body
    second = send(url, bob)
    assert second.status == 200
    assert second.body != first.body
    assert send(url, Sent()).status == 401
    assert send(url, Sent(("Bearer x.y.z",))).status == 401
    assert send(url, alice).body == first.body
