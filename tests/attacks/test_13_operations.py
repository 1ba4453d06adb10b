"""Section 13, A229 to A235: timing, clocks, outages, settings, dependencies.

A223 to A227 are in ``test_leakage``.
"""

from __future__ import annotations

import hmac
import logging
import re
import tomllib
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import pytest
from django.contrib.auth import get_user_model
from django.core.cache.backends.base import BaseCache
from django.core.checks import run_checks
from django.core.exceptions import ImproperlyConfigured
from django.db import connection
from django.test.utils import CaptureQueriesContext
from jwt import algorithms
from packaging.requirements import Requirement

from django_oidc_rs import wiring
from django_oidc_rs.core.keys import MemoryKeyStore, StoreError
from django_oidc_rs.models import FederatedIdentity
from django_oidc_rs.testing import FakeIssuer, install
from django_oidc_rs.testing.signing import encode
from tests.attacks.harness import HANDLERS, Sent
from tests.attacks.surface import (
    CANNOT_TELL,
    IT,
    OK,
    everywhere,
    over_every_handler,
    rows_everywhere,
    signed,
)

pytestmark = [pytest.mark.urls("tests.attacks.surface"), pytest.mark.django_db]

SECRET = "a shared secret of thirty-two bytes or more"
ONE_ISSUER = {"default": {"ISSUER": "https://issuer.test"}}


# A229: comparing an HMAC.


class Comparisons:
    """Stands for the ``hmac`` module where PyJWT looks it up, and counts."""

    def __init__(self):
        self.compared = []

    def __getattr__(self, name):
        return getattr(hmac, name)

    def compare_digest(self, one, other):
        self.compared.append((bytes(one), bytes(other)))
        return hmac.compare_digest(one, other)


@everywhere
@pytest.mark.parametrize(
    "right", [pytest.param(right, id=f"A229-{right}") for right in (0, 1, 16, 31)]
)
def test_a_mac_is_compared_in_constant_time(
    right, handler, url, settings, attack, monkeypatch
):
    """However many of its bytes are right, whole digests are compared, and once."""
    default = {
        "ISSUER": "https://issuer.test",
        "SHARED_SECRET": SECRET,
        "ALGORITHMS": ["HS256"],
    }
    settings.OIDC_RS = {**settings.OIDC_RS, "ISSUERS": {"default": default}}
    comparisons = Comparisons()
    monkeypatch.setattr(algorithms, "hmac", comparisons)
    issuer = FakeIssuer()
    with install(issuer):
        good = issuer.access_token("alice", ["read"])
        signing_input = good.rpartition(".")[0]
        tag = issuer.key.signature(signing_input.encode())
        guess = tag[:right] + bytes(octet ^ 0xFF for octet in tag[right:])
        forged = f"{signing_input}.{encode(guess)}"
        attack(forged, IT, url=url, handler=handler, issuer=issuer, good=good)
    assert (
        comparisons.compared.count((tag, guess))
        + comparisons.compared.count((guess, tag))
        == 1
    )


# A230: telling known subjects from others.


def known(subject, **fields):
    user = get_user_model().objects.create_user(f"{subject}-here", **fields)
    FederatedIdentity.objects.link("https://issuer.test", subject, user)
    return user


@pytest.mark.parametrize("resolver", ["local_user", "existing_user"])
@rows_everywhere("A230")
def test_who_is_known_cannot_be_told(handler, resolver, url, issuer, settings):
    settings.OIDC_RS = {
        **settings.OIDC_RS,
        "USERS": {"RESOLVER": resolver, "CREATE": False},
    }
    known("inactive", is_active=False)
    known("deleted").delete()
    known("alice")
    send = HANDLERS[handler]
    good = Sent((f"Bearer {issuer.access_token('alice', ['read'])}",))
    assert send(url, good).status == 200
    told, queries = set(), set()
    for subject in ("inactive", "deleted", "unknown", "alice-here", "Alice"):
        sent = Sent((f"Bearer {issuer.access_token(subject, ['read'])}",))
        with CaptureQueriesContext(connection) as captured:
            answer = send(url, sent)
        assert answer.status == 401
        told.add((answer.status, answer.headers, answer.body))
        queries.add(
            tuple(re.sub(r"[0-9a-f]{64}", "?", each["sql"]) for each in captured)
        )
    assert len(told) == 1
    assert len(queries) == 1
    assert send(url, good).status == 200


@rows_everywhere("A230-forged")
def test_a_forger_learns_nothing_of_users(handler, url, issuer):
    """Without a good signature nobody is looked up at all."""
    known("alice")
    send = HANDLERS[handler]
    told = set()
    for subject in ("alice", "unknown"):
        raw = issuer.access_token(subject, ["read"])
        with CaptureQueriesContext(connection) as captured:
            answer = send(url, Sent((f"Bearer {raw[:-8]}AAAAAAAA",)))
        assert not captured.captured_queries
        told.add((answer.status, answer.headers, answer.body))
    assert len(told) == 1


# A231: clocks.


class TwoClocks:
    """The wall clock can be set; the other one only goes on."""

    def __init__(self):
        self.wall, self.since_boot = 1_800_000_000.0, 1000.0

    def now(self):
        return self.wall

    def monotonic(self):
        return self.since_boot


@everywhere
@pytest.mark.parametrize(
    ("jump", "outcome"),
    [
        pytest.param(-7200, IT, id="A231-back-two-hours"),
        pytest.param(-20, OK, id="A231-back-within-leeway"),
        pytest.param(20, OK, id="A231-ahead-within-leeway"),
        pytest.param(7200, IT, id="A231-ahead-two-hours"),
        pytest.param(864000, IT, id="A231-ahead-ten-days"),
        pytest.param(-(10**9), IT, id="A231-back-to-the-nineties"),
    ],
)
def test_the_wall_clock_decides_on_tokens_alone(jump, outcome, handler, url):
    """Keys are as fresh as before, however the wall clock is set."""
    clock = TwoClocks()
    issuer = FakeIssuer(clock=clock)
    send = HANDLERS[handler]
    with install(issuer, clock=clock):
        sent = Sent((f"Bearer {issuer.access_token('alice', ['read'])}",))
        assert send(url, sent).status == 200
        fetched = len(issuer.fetches)
        clock.wall += jump
        assert send(url, sent).status == outcome.status
        fresh = Sent((f"Bearer {issuer.access_token('alice', ['read'])}",))
        assert send(url, fresh).status == 200
        assert len(issuer.fetches) == fetched
        # The clock is set right again.
        clock.wall -= jump
        assert send(url, sent).status == 200
        assert len(issuer.fetches) == fetched


@rows_everywhere("A231-cooldown")
def test_a_clock_set_back_frees_no_fetches(handler, url):
    """The budget for unknown keys counts on the clock that nobody sets."""
    clock = TwoClocks()
    issuer = FakeIssuer(clock=clock)
    send = HANDLERS[handler]
    with install(issuer, clock=clock):
        sent = Sent((f"Bearer {issuer.access_token('alice', ['read'])}",))
        assert send(url, sent).status == 200
        for jump in (0, 0, 0, 7200, -7200, 10**6, -(10**6)):
            clock.wall += jump
            raw = signed(issuer, kid=f"unknown-{jump}")
            assert send(url, Sent((f"Bearer {raw}",))).status == 401
        assert len(issuer.fetches) <= 4


# A232: what is down.


class BrokenCache(BaseCache):
    """Every call fails, as that of a client whose server is gone."""

    def __init__(self, _location, params):
        super().__init__(params)

    def _fail(self, *_args, **_keywords):
        raise ConnectionError("the cache is down")

    add = get = set = touch = delete = clear = has_key = incr = _fail
    get_many = set_many = delete_many = get_or_set = _fail


@everywhere
@pytest.mark.parametrize(
    ("make", "outcome"),
    [
        pytest.param(lambda i: i.access_token("alice", ["read"]), OK, id="A232-good"),
        pytest.param(lambda i: signed(i, alg="none"), IT, id="A232-bad"),
        pytest.param(lambda i: i.access_token("alice", exp=1), IT, id="A232-expired"),
    ],
)
def test_a_cache_that_is_down_decides_nothing(
    make, outcome, url, handler, issuer, attack, settings
):
    settings.CACHES = {"default": {"BACKEND": f"{__name__}.BrokenCache"}}
    attack(make(issuer), outcome, url=url, handler=handler)


class BrokenStore(MemoryKeyStore):
    def load(self, issuer):
        raise StoreError("the store is down")

    def publish(self, record, *, replacing):
        raise StoreError("the store is down")


@everywhere
@pytest.mark.parametrize(
    ("make", "issuer_is_up", "outcome"),
    [
        pytest.param(
            lambda i: i.access_token("alice", ["read"]), True, OK, id="A232-store-good"
        ),
        pytest.param(
            lambda i: i.access_token("alice", aud="x"), True, IT, id="A232-store-bad"
        ),
        pytest.param(
            lambda i: i.access_token("alice", ["read"]),
            False,
            CANNOT_TELL,
            id="A232-all-down",
        ),
        pytest.param(
            lambda i: signed(i, alg="none"), False, IT, id="A232-all-down-none"
        ),
    ],
)
def test_a_store_that_is_down_lets_nobody_in_unseen(
    make, issuer_is_up, outcome, url, handler, issuer, caplog
):
    with wiring.substitute(replace(wiring.get_seams(), store=BrokenStore())):
        if not issuer_is_up:
            issuer.fail()
        answer = HANDLERS[handler](url, Sent((f"Bearer {make(issuer)}",)))
        assert answer.status == outcome.status
        told = {getattr(record, "reason", None) for record in caplog.records}
        # Somebody hears of it, and as what it is.
        assert ("store_unreachable" in told) is (issuer_is_up or outcome != IT)
        assert "refresh_failed" not in told
        # Django would mail ADMINS for each, and anybody could order them.
        loud = [each for each in caplog.records if each.levelno >= logging.ERROR]
        assert loud == []
        # Both are back: nothing of the outage is left.
        issuer.recover()
    with wiring.substitute(wiring.get_seams()):
        sent = Sent((f"Bearer {issuer.access_token('alice', ['read'])}",))
        assert HANDLERS[handler](url, sent).status == 200


# A233: settings that would let anybody in.


def of_issuer(**changes):
    return {
        "AUDIENCE": "https://api.test",
        "ISSUERS": {"default": {**ONE_ISSUER["default"], **changes}},
    }


OPEN = {
    "A233-nothing": (None, "E001"),
    "A233-no-audience": ({"ISSUERS": ONE_ISSUER}, "E007"),
    "A233-audience-empty": ({"AUDIENCE": "", "ISSUERS": ONE_ISSUER}, "E003"),
    "A233-audience-none": ({"AUDIENCE": [], "ISSUERS": ONE_ISSUER}, "E007"),
    "A233-audience-null": ({"AUDIENCE": None, "ISSUERS": ONE_ISSUER}, "E003"),
    "A233-audience-any": ({"AUDIENCE": "*", "ISSUERS": ONE_ISSUER}, "E007"),
    "A233-no-issuers": ({"AUDIENCE": "x", "ISSUERS": {}}, "E004"),
    "A233-no-algorithms": (of_issuer(ALGORITHMS=[]), "E009"),
    "A233-algorithm-none": (of_issuer(ALGORITHMS=["none"]), "E009"),
    "A233-algorithms-any": (of_issuer(ALGORITHMS="*"), "E003"),
    "A233-algorithms-mixed": (
        of_issuer(ALGORITHMS=["HS256", "RS256"], SHARED_SECRET=SECRET),
        "E009",
    ),
    "A233-secret-short": (
        of_issuer(ALGORITHMS=["HS256"], SHARED_SECRET="short"),
        "E010",
    ),
    "A233-issuer-any": (of_issuer(ISSUER="*"), "E006"),
    "A233-issuer-template": (of_issuer(ISSUER="https://{tenant}.test"), "E006"),
    "A233-issuer-http": (of_issuer(ISSUER="http://issuer.test"), "E013"),
    "A233-verify-off": (of_issuer(VERIFY=False), "E002"),
    "A233-verify-signature-off": (of_issuer(VERIFY_SIGNATURE=False), "E002"),
    "A233-verify-exp-off": (of_issuer(OPTIONS={"verify_exp": False}), "E002"),
    "A233-leeway": (of_issuer(LEEWAY=10**9), "E011"),
    "A233-leeway-infinite": (of_issuer(LEEWAY=float("inf")), "E011"),
    "A233-claims-of-nobody": (of_issuer(AUDIENCE_CLAIMS=[]), "E003"),
    "A233-types-of-any-kind": (of_issuer(TOKEN_TYPES=[]), "E003"),
    "A233-nobody-to-ask": (of_issuer(VALIDATION="introspection"), "E027"),
    "A233-tls-off": ({**of_issuer(), "HTTP": {"VERIFY": False}}, "E002"),
}


@pytest.mark.parametrize("debug", [False, True], ids=["production", "debug"])
@pytest.mark.parametrize("row", OPEN)
def test_settings_that_would_let_anybody_in_are_errors(row, debug, settings):
    raw, problem = OPEN[row]
    settings.DEBUG = debug
    settings.OIDC_RS = raw
    found = [message.id for message in run_checks() if message.is_serious()]
    assert f"django_oidc_rs.{problem}" in found
    with pytest.raises(ImproperlyConfigured):
        wiring.get_resource_server()


@over_every_handler
@pytest.mark.parametrize("row", OPEN)
def test_settings_with_errors_let_nobody_in(row, handler, settings):
    """Servers run no checks: the first request must see it."""
    raw, _problem = OPEN[row]
    good = Sent((f"Bearer {FakeIssuer().access_token('alice', ['read'])}",))
    settings.OIDC_RS = raw
    for url in ("/drf", "/view", "/aview", "/public"):
        assert HANDLERS[handler](url, good).status == 500


# A235: what the package stands on.


@pytest.mark.parametrize(
    ("name", "bad"),
    [
        pytest.param("pyjwt", "2.12.1", id="A235-pyjwt"),
        pytest.param("django", "5.2.12", id="A235-django-5.2"),
        pytest.param("django", "4.2.30", id="A235-django-4.2"),
        pytest.param("django", "6.0.3", id="A235-django-6.0"),
        pytest.param("django", "6.0.5", id="A235-django-6.0.5"),
        pytest.param("requests", "2.32.3", id="A235-requests"),
        pytest.param("cryptography", "41.0.0", id="A235-cryptography"),
        pytest.param("djangorestframework", "3.15.1", id="A235-rest-framework"),
    ],
)
def test_releases_with_known_faults_are_not_accepted(name, bad):
    root = Path(__file__).parents[2]
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    [found] = [
        requirement
        for requirement in map(Requirement, project["dependencies"])
        if requirement.name == name
    ]
    assert not found.specifier.contains(bad)
    assert found.specifier.contains(version(name), prereleases=True)
