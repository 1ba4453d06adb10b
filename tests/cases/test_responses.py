"""Section L: what answers look like, and which scopes open what."""

from __future__ import annotations

from typing import Any

import pytest
from django.http import HttpResponse

from django_oidc_rs.checks import check_authentication_classes, check_middleware
from django_oidc_rs.core.challenges import Challenge
from tests.attacks.harness import EVIL, HANDLERS, Outcome, Sent
from tests.attacks.surface import (
    IS,
    IT,
    NA,
    OK,
    PLACES,
    claiming,
    everywhere,
    over_every_handler,
)
from tests.http_syntax import parse_challenge

pytestmark = [pytest.mark.urls("tests.cases.urls"), pytest.mark.django_db]

REQUIRED = "django_oidc_rs.middleware.AccessTokenRequiredMiddleware"
SESSION = "rest_framework.authentication.SessionAuthentication"
OURS = "django_oidc_rs.rest_framework.AccessTokenAuthentication"


# ER: answers.


@pytest.mark.parametrize("parameter", ["realm", "scope", "error_description"])
@pytest.mark.parametrize(
    "text",
    [
        pytest.param('say "friend"', id="ER-01-quotes"),
        pytest.param("a\\b", id="ER-01-backslash"),
        pytest.param("a\r\nSet-Cookie: a=b", id="ER-01-line-break"),
        pytest.param("straße \U0001f600", id="ER-01-non-ascii"),
        pytest.param("a\x00\x1b[31m\x7f", id="ER-01-controls"),
        pytest.param('", Basic realm="', id="ER-01-second-challenge"),
    ],
)
def test_a_challenge_stays_one_well_formed_line(parameter, text):
    given = {"realm": "api", "error": "invalid_token", parameter: text}
    value = str(Challenge(**given))
    assert value.isascii()
    assert value.isprintable()
    assert set(parse_challenge(value).parameters) == set(given)


@everywhere
@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda i: f'{EVIL}"\\x', id="ER-01-header"),
        pytest.param(claiming(iss=f'{EVIL}"\r\nX: y'), id="ER-01-issuer"),
        pytest.param(claiming(aud=f"{EVIL}\u2028é"), id="ER-01-audience"),
    ],
)
def test_nothing_hostile_breaks_a_header(make, url, handler, issuer, attack):
    attack(make(issuer), IT, url=url, handler=handler)


@everywhere
@pytest.mark.parametrize(
    "method",
    [pytest.param(method, id=f"ER-03-{method}") for method in ("GET", "HEAD", "POST")],
)
def test_an_outage_is_no_verdict(method, url, handler, issuer):
    """A new key while the issuer is down: nobody can tell, and old keys serve on."""
    send = HANDLERS[handler]
    good = issuer.access_token("alice", ["read"])
    assert send(url, Sent((f"Bearer {good}",))).status == 200
    old = issuer.rotate()
    issuer.fail()
    raw = issuer.access_token("alice", ["read"])
    answer = send(url, Sent((f"Bearer {raw}",), method))
    assert answer.status == 503
    assert int(answer.one("Retry-After")) >= 1
    assert not answer.all("WWW-Authenticate")
    again = old.sign(issuer.claims("alice", ["read"]))
    assert send(url, Sent((f"Bearer {again}",))).status == 200


@everywhere
@pytest.mark.parametrize(
    "fail",
    [
        pytest.param(lambda issuer: issuer.fail(), id="ER-03-cold"),
        pytest.param(lambda issuer: issuer.hang(), id="ER-03-cold-hanging"),
        pytest.param(lambda issuer: issuer.lie(b"<html>"), id="ER-03-cold-lying"),
    ],
)
def test_a_cold_process_in_an_outage(fail, url, handler, issuer):
    send = HANDLERS[handler]
    fail(issuer)
    sent = Sent((f"Bearer {issuer.access_token('alice', ['read'])}",))
    answer = send(url, sent)
    assert answer.status == 503
    assert int(answer.one("Retry-After")) >= 1
    assert not answer.all("WWW-Authenticate")


def cors(get_response):
    """Stands for a CORS middleware: answers preflights, and passes on the rest."""
    # Sync alone: Django adapts it under ASGI.

    def answer(request):
        if request.method == "OPTIONS" and (
            "Access-Control-Request-Method" in request.headers
        ):
            return HttpResponse(headers={"Access-Control-Allow-Origin": "*"})
        return get_response(request)

    return answer


PREFLIGHT = Sent(
    method="OPTIONS",
    headers={"Origin": "https://app.test", "Access-Control-Request-Method": "GET"},
)


@over_every_handler
@pytest.mark.parametrize("url", ["/plain", "/aplain", "/a/drf", "/a/view"])
@pytest.mark.parametrize(
    ("sent", "status"),
    [
        pytest.param(PREFLIGHT, 200, id="ER-06-preflight"),
        pytest.param(Sent(method="OPTIONS"), 401, id="ER-06-options"),
        pytest.param(Sent(method="HEAD"), 401, id="ER-06-head"),
        pytest.param(
            Sent(headers=dict(PREFLIGHT.headers)), 401, id="ER-06-no-preflight"
        ),
    ],
)
def test_a_preflight_is_answered_above_us(sent, status, url, handler, issuer, settings):
    settings.MIDDLEWARE = [f"{__name__}.cors", REQUIRED, *settings.MIDDLEWARE]
    answer = HANDLERS[handler](url, sent)
    assert answer.status == status
    assert bool(answer.all("WWW-Authenticate")) is (status == 401)


@pytest.mark.parametrize(
    ("order", "found"),
    [
        pytest.param(
            ["corsheaders.middleware.CorsMiddleware", REQUIRED], [], id="ER-06-check"
        ),
        pytest.param(
            [REQUIRED, "corsheaders.middleware.CorsMiddleware"],
            ["django_oidc_rs.E023"],
            id="ER-06-check-below",
        ),
    ],
)
def test_the_order_of_middlewares_is_checked(order, found, settings):
    settings.MIDDLEWARE = order
    messages = check_middleware(None)
    assert [each.id for each in messages if "_rs.E" in each.id] == found


@over_every_handler
@pytest.mark.parametrize(
    ("sent", "outcome"),
    [
        pytest.param(Sent(), NA, id="ER-07"),
        pytest.param(Sent(("Bearer x.y.z",)), IT, id="ER-07-bad-token"),
    ],
)
def test_401_stays_401_behind_a_session_class(sent, outcome, handler, attack):
    attack(sent, outcome, url="/session-first", handler=handler)


@pytest.mark.parametrize(
    ("classes", "found"),
    [
        pytest.param([OURS, SESSION], [], id="ER-07-primary"),
        pytest.param([SESSION, OURS], ["django_oidc_rs.E021"], id="ER-07-secondary"),
    ],
)
def test_ours_is_to_stand_first(classes, found, settings):
    settings.REST_FRAMEWORK = {"DEFAULT_AUTHENTICATION_CLASSES": classes}
    assert [each.id for each in check_authentication_classes(None)] == found


# SC: scopes.

SCOPES: dict[str, tuple[dict[str, Any], str, Outcome]] = {
    "SC-01": ({"scope": "a b"}, "a", OK),
    "SC-02": ({"scope": "a b"}, "a-and-c", IS),
    "SC-02-both": ({"scope": "c b a"}, "a-and-c", OK),
    "SC-03": ({"scope": "a b"}, "c-or-b", OK),
    "SC-03-neither": ({"scope": "a"}, "c-or-b", IS),
    "SC-04-array": ({"scope": ..., "scp": ["a", "b"]}, "a", OK),
    "SC-04-array-without": ({"scope": ..., "scp": ["b"]}, "a", IS),
    "SC-04-text": ({"scope": ..., "scp": "b a"}, "a", OK),
    "SC-04-text-without": ({"scope": ..., "scp": "b"}, "a", IS),
    "SC-05": ({"scope": "", "scp": "a"}, "a", IS),
    "SC-05-both": ({"scope": "b", "scp": "a"}, "a", IS),
    "SC-08-tab": ({"scope": "a  b\tb"}, "b", IS),
    "SC-08-blanks": ({"scope": "a  b\tb"}, "a", OK),
    "SC-08-twice": ({"scope": "b b b"}, "b", OK),
    "SC-09-longer": ({"scope": "a:all"}, "a", IS),
    "SC-09-case": ({"scope": "A"}, "a", IS),
    "SC-09-prefix": ({"scope": "ab"}, "a", IS),
    "SC-10-token-without": ({"scope": ...}, "a", IS),
}
NAMED = {"a": "a", "b": "b", "a-and-c": "a c", "c-or-b": "c"}
"""Demand -> the ``scope`` of its challenge."""

on_every_kind = pytest.mark.parametrize(("handler", "kind"), PLACES)


@on_every_kind
@pytest.mark.parametrize("case", SCOPES)
def test_scopes(case, kind, handler, issuer, attack):
    claims, demand, outcome = SCOPES[case]
    answer = attack(
        claiming(**claims)(issuer),
        outcome,
        url=f"/{demand}/{kind}",
        handler=handler,
        good=issuer.access_token("alice", ["a", "b", "c"]),
    )
    if outcome == IS:
        parameters = parse_challenge(answer.one("WWW-Authenticate")).parameters
        assert parameters["scope"] == NAMED[demand]


@on_every_kind
@pytest.mark.parametrize(
    ("claims", "outcome"),
    [
        pytest.param({"realm_access": {"roles": ["a"]}}, OK, id="SC-07"),
        pytest.param({"realm_access": {"roles": "b a"}}, OK, id="SC-07-text"),
        pytest.param({"realm_access": {"roles": ["b"]}}, IS, id="SC-07-others"),
        pytest.param({"realm_access": {}}, IS, id="SC-07-missing"),
        pytest.param({"scope": "a"}, IS, id="SC-07-missing-altogether"),
        pytest.param({"realm_access": ["roles", "a"]}, IS, id="SC-07-other-shape"),
    ],
)
def test_scopes_in_a_nested_claim(
    claims, outcome, kind, handler, issuer, attack, settings
):
    default = {
        **settings.OIDC_RS["ISSUERS"]["default"],
        "SCOPE_CLAIMS": ["realm_access.roles"],
    }
    settings.OIDC_RS = {**settings.OIDC_RS, "ISSUERS": {"default": default}}
    attack(
        claiming(**claims)(issuer),
        outcome,
        url=f"/a/{kind}",
        handler=handler,
        good=claiming(realm_access={"roles": ["a"]})(issuer),
    )


@on_every_kind
@pytest.mark.parametrize(
    "demand", [pytest.param(each, id=f"SC-10-{each}") for each in NAMED]
)
def test_nobody_at_all_is_401_and_not_403(demand, kind, handler, issuer, attack):
    good = issuer.access_token("alice", ["a", "b", "c"])
    url = f"/{demand}/{kind}"
    answer = attack(Sent(), NA, url=url, handler=handler, good=good)
    parameters = parse_challenge(answer.one("WWW-Authenticate")).parameters
    assert parameters == {"realm": "api", "scope": NAMED[demand]}
