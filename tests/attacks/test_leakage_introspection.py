"""Section 13, A223 to A227, where the issuer is asked: over real sockets, on loopback.

Neither the caller's token nor our own credentials nor the issuer's answer may stand in
a URL, a log, a response, an error page or a mail.
"""

from __future__ import annotations

import base64
import json
from contextlib import contextmanager
from dataclasses import replace
from urllib.parse import parse_qs, quote, quote_plus

import pytest
from django.core.cache import caches
from django.test import override_settings

from django_oidc_rs import wiring
from django_oidc_rs.answer_cache import DjangoAnswerCache
from django_oidc_rs.conf import get_config
from django_oidc_rs.core.clock import SystemClock
from django_oidc_rs.core.http import HttpClient
from django_oidc_rs.core.keys import MemoryKeyStore
from tests.attacks.asking import CLIENT_ID, SECRET, settings_of
from tests.attacks.harness import HANDLERS, Sent
from tests.attacks.surface import over_every_handler
from tests.attacks.test_leakage import MARK, PRIVATE, everything, leaks, mails
from tests.core.builders import ABSENT, AUDIENCE
from tests.core.servers import Server, answer

__all__ = ["everything"]

pytestmark = [
    pytest.mark.urls("tests.attacks.test_leakage_reports"),
    pytest.mark.django_db,
]

RAW = "opaquemark~0123456789+abcdefghij/klmnopqrstuvwxyz=="
BEARER = "bearermark-0123456789"
PAIR = base64.b64encode(f"{CLIENT_ID}:{quote_plus(SECRET)}".encode()).decode()
# In whatever writing.
OURS = (SECRET, quote_plus(SECRET), quote(SECRET), PAIR, BEARER)
THEIRS = (RAW, quote_plus(RAW), "opaquemark")
JSON = ["Content-Type: application/json"]


def active(**members):
    usual = {"active": True, "sub": "subjectmark", "aud": AUDIENCE, "exp": 4102444800}
    return answer(json.dumps({**usual, **PRIVATE, **members}).encode(), headers=JSON)


# What may be answered -> (answer, status, code in the log).
KINDS = {
    "accepted": (active(), 200, None),
    "inactive": (active(active=False), 401, "inactive_token"),
    "other-audience": (active(aud="https://other.test"), 401, "invalid_claim"),
    "bound": (active(cnf={"jkt": MARK}), 401, "unconfirmed_token"),
    "refused": (
        answer(RAW.encode(), status="400 Bad Request"),
        503,
        "introspection_unavailable",
    ),
    "credentials": (
        answer(PAIR.encode(), status="401 Unauthorized"),
        503,
        "introspection_unavailable",
    ),
    "broken": (
        answer(RAW.encode(), status="500 Internal Server Error"),
        503,
        "introspection_unavailable",
    ),
    "repeated": (answer(RAW.encode(), headers=JSON), 503, "introspection_unavailable"),
    "redirect": (
        answer(status="302 Found", headers=[f"Location: /?token={RAW}"]),
        503,
        "introspection_unavailable",
    ),
    "no-HTTP": (RAW.encode() + b"\r\n\r\n", 503, "introspection_unavailable"),
}
METHODS = {
    "basic": {"AUTH_METHOD": "client_secret_basic"},
    "post": {"AUTH_METHOD": "client_secret_post"},
    "bearer": {
        "CLIENT_SECRET": ABSENT,
        "BEARER_TOKEN": BEARER,
        "AUTH_METHOD": "bearer",
    },
}


@contextmanager
def asked_over_http(said, **asked):
    """Serve ``said`` at the endpoint of the settings; yield the server."""
    server = Server(lambda connection: connection.sendall(said))
    settings = settings_of(ENDPOINT=server.url("/introspect"), **asked)
    try:
        with override_settings(OIDC_RS=settings):
            client = HttpClient(get_config().http)
            seams = wiring.Seams(
                clock=SystemClock(),
                fetch=client,
                post=client.post,
                answers=DjangoAnswerCache("default"),
                store=MemoryKeyStore(),
                spawn=lambda work: work(),
            )
            with wiring.substitute(seams):
                yield server
    finally:
        server.stop()
        caches["default"].clear()


def tell_all(everything):
    return everything.text + repr([vars(each) for each in everything.records])


@over_every_handler
@pytest.mark.parametrize(
    "kind", [pytest.param(each, id=f"A223-{each}") for each in KINDS]
)
def test_nothing_of_a_question_is_told(kind, handler, everything):
    said, status, code = KINDS[kind]
    with asked_over_http(said, CACHE_SECONDS=60, **METHODS["basic"]) as server:
        everything.clear()
        got = HANDLERS[handler]("/fine", Sent((f"Bearer {RAW}",)))
        kept = repr(getattr(caches["default"], "_cache", {}))
    assert got.status == status
    ours = [each for each in everything.records if each.name.endswith(".requests")]
    assert [each.reason for each in ours] == ([code] if code else [])
    told = tell_all(everything) + repr(got.headers) + got.body.decode()
    assert any(each.name.startswith("urllib3") for each in everything.records)
    # SQL, which the tests log, looks the subject up.
    assert not leaks(RAW, told, MARK, *OURS, *THEIRS)
    assert "subjectmark" not in repr(got)
    assert not leaks(RAW, kept, *OURS, *THEIRS)
    assert server.bodies


@over_every_handler
@pytest.mark.parametrize(
    "method", [pytest.param(each, id=f"A223-by-{each}") for each in METHODS]
)
def test_token_and_credentials_travel_in_no_url(method, handler, everything):
    with asked_over_http(active(), **METHODS[method]) as server:
        everything.clear()
        got = HANDLERS[handler]("/fine", Sent((f"Bearer {RAW}",)))
    assert got.status == 200
    [head], [body] = server.requests, server.bodies
    first, *headers = head.splitlines()
    assert first == "POST /introspect HTTP/1.1"
    assert not leaks(RAW, head, *THEIRS)
    assert parse_qs(body.decode())["token"] == [RAW]
    if method != "basic":
        assert PAIR not in head
    others = [line for line in headers if not line.startswith("Authorization:")]
    assert not leaks(RAW, "".join(others), *OURS)
    told = tell_all(everything) + repr(got)
    assert not leaks(RAW, told, MARK, *OURS, *THEIRS)


def crashed(handler, url):
    """Return the page and the mail of a request that crashed."""
    with mails() as sent:
        got = HANDLERS[handler](url, Sent((f"Bearer {RAW}",)))
    assert got.status == 500
    [mail] = sent
    return got.body.decode() + mail


@over_every_handler
@pytest.mark.parametrize("debug", [False, True], ids=["production", "debug"])
@pytest.mark.parametrize(
    "url",
    [pytest.param(f"/{kind}", id=f"A224-{kind}") for kind in ("drf", "view", "aview")],
)
def test_a_view_that_crashes_tells_nothing_of_the_question(
    url, debug, handler, settings
):
    settings.DEBUG = debug
    with asked_over_http(active(), **METHODS["basic"]):
        told = crashed(handler, url)
    assert not leaks(RAW, told, f"{MARK}@", "subjectmark", *OURS, *THEIRS)


class Broken(DjangoAnswerCache):
    """A fault of ours, where token and answer are at hand."""

    def set(self, key, answer, seconds):
        told = f"{answer}"
        raise LookupError(len(told))


def broken_post(url, *, body, headers, **options):
    held = body.decode()
    raise LookupError(len(held) + len(headers))


@over_every_handler
@pytest.mark.parametrize("debug", [False, True], ids=["production", "debug"])
@pytest.mark.parametrize(
    "seam",
    [
        pytest.param({"answers": Broken("default")}, id="A224-answers"),
        pytest.param({"post": broken_post}, id="A224-post"),
    ],
)
def test_a_crash_while_asking_tells_nothing(seam, debug, handler, settings):
    settings.DEBUG = debug
    with (
        asked_over_http(active(), CACHE_SECONDS=60, **METHODS["post"]),
        wiring.substitute(replace(wiring.get_seams(), **seam)),
    ):
        told = crashed(handler, "/fine")
    assert not leaks(RAW, told, f"{MARK}@", "subjectmark", *OURS, *THEIRS)


@pytest.mark.parametrize(
    "name", [pytest.param(each, id=f"A227-{each}") for each in METHODS]
)
def test_no_repr_tells_our_credentials(name):
    with asked_over_http(active(), **METHODS[name]):
        server = wiring.get_resource_server()
        told = repr(get_config()) + repr(vars(server)) + repr(vars(server.opaque))
        told += repr(server.opaque.policy)
    assert not leaks(RAW, told, *OURS)
