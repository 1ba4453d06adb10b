"""Section 13, A223 to A227: what logs, pages, mails and stores tell of a token.

The marks stand in claims and in secrets; a raw token is known by each of its parts.
"""

from __future__ import annotations

import copy
import io
import json
import logging
import pickle
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core.cache import caches
from django.db import connection
from django.db.models.signals import pre_save
from django.utils.log import AdminEmailHandler
from django.views.debug import ExceptionReporter

from django_oidc_rs import wiring
from django_oidc_rs.conf import get_config, parse
from django_oidc_rs.core import errors
from django_oidc_rs.core.credentials import parse_authorization
from django_oidc_rs.core.errors import InvalidToken, ResourceServerError
from django_oidc_rs.core.http import HttpClient
from django_oidc_rs.core.jws import parse_jws
from django_oidc_rs.core.keys import MemoryKeyStore
from django_oidc_rs.models import FederatedIdentity
from django_oidc_rs.request import authenticate
from django_oidc_rs.rest_framework.exceptions import Refused
from django_oidc_rs.signals import token_accepted, token_rejected
from django_oidc_rs.testing import FakeIssuer
from django_oidc_rs.token_user import TokenUser
from tests.attacks.harness import EVIL, HANDLERS, Sent
from tests.attacks.surface import (
    IR,
    IT,
    NA,
    claiming,
    everywhere,
    over_every_handler,
    resigned,
    rows_everywhere,
    signed,
    unsigned,
)

pytestmark = [pytest.mark.urls("tests.attacks.surface"), pytest.mark.django_db]

MARK = "claimmark"
SECRET = "secretmark-" + "s" * 32
PRIVATE = {"email": f"{MARK}@here.test", "address": {"street": MARK}}


def leaks(raw_token: str, text: str, *marks: str) -> list[str]:
    """Return what of a raw token and which of ``marks`` stands in ``text``."""
    parts = [part for part in (raw_token, *raw_token.split(".")) if len(part) > 3]
    return [each for each in (*parts, *marks) if each in text]


def marked(**claims: Any) -> Any:
    return claiming(**PRIVATE, **claims)


# What may become of a token: code in the log (None: accepted) -> its maker.
KINDS = {
    None: marked(),
    "malformed_token": lambda i: "bm90IGpzb24.bm90IGpzb24.c2lnbmF0dXJl",
    "token_too_long": lambda i: "eyJhbGciOiJFUzI1NiJ9" * 1000,
    "untrusted_issuer": marked(iss="https://other.test"),
    "algorithm_not_allowed": lambda i: unsigned(i, {"alg": "HS256"}, b"signature"),
    "not_an_access_token": marked(nonce="n"),
    "unknown_key": lambda i: signed(i, kid="other"),
    "key_unusable": lambda i: signed(i, kid="rsa"),
    "bad_signature": lambda i: resigned(i, lambda raw: raw[::-1]),
    "expired_token": marked(exp=1),
    "token_not_yet_valid": marked(nbf=9999999999),
    "invalid_claim": marked(aud="https://other.test"),
    "unconfirmed_token": marked(cnf={"jkt": MARK}),
    "user_rejected": marked(sub="leaver"),
    "keys_unavailable": lambda i: signed(i, kid="other"),
    "invalid_request": lambda i: f"{marked()(i)} {MARK}",
}


@pytest.fixture
def everything(caplog):
    """Every logger there is, at DEBUG, SQL included."""
    for name in ("", *logging.root.manager.loggerDict):
        caplog.set_level(logging.DEBUG, logger=name or None)
    connection.force_debug_cursor = True
    yield caplog
    connection.force_debug_cursor = False


def prepare(kind, issuer):
    """Make the world in which a token of ``kind`` is refused for that reason."""
    if kind == "user_rejected":
        leaver = get_user_model().objects.create_user("leaver", is_active=False)
        FederatedIdentity.objects.link(issuer.issuer, "leaver", leaver)
    if kind == "keys_unavailable":
        raw = issuer.access_token()
        wiring.get_resource_server().validate(raw)
        issuer.fail()


# A223: logs.


# Refused before the issuer is known.
UNNAMED = (
    "malformed_token",
    "token_too_long",
    "untrusted_issuer",
    "invalid_request",
)


@everywhere
@pytest.mark.parametrize(
    "kind", [pytest.param(kind, id=f"A223-{kind}") for kind in KINDS]
)
def test_logs_tell_the_reason_and_not_the_token(kind, url, handler, issuer, everything):
    """One record per refusal, with a stable ``reason`` that an operator can count."""
    prepare(kind, issuer)
    raw = KINDS[kind](issuer)
    everything.clear()
    HANDLERS[handler](url, Sent((f"Bearer {raw}",)))
    records = {}
    for record in everything.records:
        records.setdefault(record.name, []).append(record)
    told = everything.text + repr([vars(record) for record in everything.records])
    assert not leaks(raw, told, MARK)
    assert ("django.db.backends" in records) is (kind in (None, "user_rejected"))
    ours = records.get("django_oidc_rs.requests", [])
    assert [record.reason for record in ours] == ([kind] if kind else [])
    for record in ours:
        assert record.issuer_alias == (None if kind in UNNAMED else "default")
        expected = logging.WARNING if kind == "keys_unavailable" else logging.INFO
        assert record.levelno == expected


@pytest.mark.parametrize("kinds", [pytest.param(KINDS, id="A223-complete")])
def test_every_reason_of_a_refusal_was_counted(kinds):
    codes = {
        each.code
        for each in vars(errors).values()
        if isinstance(each, type)
        and issubclass(each, ResourceServerError)
        and each not in (ResourceServerError, InvalidToken)
    }
    # The one is a class of others.
    codes.remove("temporarily_unavailable")
    # Those of introspection are counted in test_leakage_introspection.
    codes -= {"inactive_token", "introspection_unavailable"}
    # Nobody is refused for a scope before the view has spoken: that is no log line.
    assert codes - {"insufficient_scope"} == set(kinds) - {None}


class Issuer(BaseHTTPRequestHandler):
    """Serves one JWK Set, and keeps what it was asked."""

    document: bytes
    asked: list[str]

    def do_GET(self):
        self.asked.append(f"{self.path}\n{self.headers}")
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(self.document)

    def log_message(self, *args):
        pass


@contextmanager
def served(document: Any) -> Iterator[tuple[str, list[str]]]:
    """Serve ``document`` on loopback; yield its address and what was asked."""
    asked: list[str] = []
    members = {"document": json.dumps(document).encode(), "asked": asked}
    server = HTTPServer(("127.0.0.1", 0), type("Served", (Issuer,), members))
    thread = threading.Thread(
        target=server.serve_forever, kwargs={"poll_interval": 0.01}
    )
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/jwks", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@rows_everywhere("A223-fetch")
def test_no_fetch_tells_the_token(handler, url, settings, everything):
    """Neither the issuer nor the HTTP client's own logs hear of it."""
    issuer = FakeIssuer()
    with served({"keys": issuer.published}) as (address, asked):
        default = {**settings.OIDC_RS["ISSUERS"]["default"], "JWKS_URI": address}
        settings.OIDC_RS = {**settings.OIDC_RS, "ISSUERS": {"default": default}}
        seams = wiring.Seams(
            clock=issuer.clock,
            fetch=HttpClient(get_config().http),
            store=MemoryKeyStore(),
            spawn=lambda work: work(),
        )
        with wiring.substitute(seams):
            raws = [marked()(issuer), signed(issuer, kid="other")]
            everything.clear()
            answers = [
                HANDLERS[handler](
                    url, Sent((f"Bearer {raw}",), headers={"Cookie": "a=b"})
                )
                for raw in raws
            ]
    assert [answer.status for answer in answers] == [200, 401]
    assert len(asked) == 2
    assert any(record.name.startswith("urllib3") for record in everything.records)
    told = everything.text + "".join(asked)
    assert not [each for raw in raws for each in leaks(raw, told, MARK, "Cookie")]


# A224: error pages and mails.


def explode(access_token):
    raise LookupError("a fault of the project")


class Collecting(AdminEmailHandler):
    """Collects what would be mailed to ADMINS."""

    def __init__(self):
        super().__init__(include_html=True)
        self.mails = []

    def send_mail(self, subject, message, *args, **kwargs):
        self.mails.append(subject + message + kwargs["html_message"])


@contextmanager
def mails() -> Iterator[list[str]]:
    handler = Collecting()
    logger = logging.getLogger("django.request")
    logger.addHandler(handler)
    try:
        yield handler.mails
    finally:
        logger.removeHandler(handler)


@contextmanager
def broken_database() -> Iterator[None]:
    def fail(**_keywords):
        raise RuntimeError("a fault of the database")

    pre_save.connect(fail, sender=get_user_model())
    try:
        yield
    finally:
        pre_save.disconnect(fail, sender=get_user_model())


@pytest.fixture
def configure(settings, issuer):
    """Set keys of the only issuer, and ``USERS``."""

    def configure(users=None, **keys):
        default = {**settings.OIDC_RS["ISSUERS"]["default"], **keys}
        settings.OIDC_RS = {
            **settings.OIDC_RS,
            "USERS": users or {},
            "ISSUERS": {"default": default},
        }

    return configure


VIEWS = ["/broken/drf", "/broken/view", "/broken/aview", "/broken/middleware"]


@over_every_handler
@pytest.mark.parametrize("debug", [False, True], ids=["production", "debug"])
@pytest.mark.parametrize(
    "url", [pytest.param(url, id=f"A224-{url.rpartition('/')[2]}") for url in VIEWS]
)
def test_a_crash_of_the_view_shows_neither_token_nor_claims(
    url, debug, handler, issuer, settings
):
    settings.DEBUG = debug
    settings.MIDDLEWARE = [
        *settings.MIDDLEWARE,
        "django_oidc_rs.middleware.ResourceServerMiddleware",
    ]
    raw = marked()(issuer)
    with mails() as sent:
        answer = HANDLERS[handler](url, Sent((f"Bearer {raw}",)))
    assert answer.status == 500
    [mail] = sent
    assert "HTTP_AUTHORIZATION" in mail
    assert ("HTTP_AUTHORIZATION" in answer.body.decode()) is debug
    assert not leaks(raw, answer.body.decode() + mail, MARK)


@pytest.mark.parametrize("debug", [False, True], ids=["production", "debug"])
@everywhere
@pytest.mark.parametrize(
    "cause",
    [
        pytest.param("validator", id="A224-validator"),
        pytest.param("resolver", id="A224-resolver"),
        pytest.param("database", id="A224-database"),
    ],
)
def test_a_crash_below_the_view_shows_neither_token_nor_claims(
    cause, url, debug, handler, issuer, settings, configure
):
    settings.DEBUG = debug
    path = f"{__name__}.explode"
    if cause == "validator":
        configure(VALIDATORS=[path])
    elif cause == "resolver":
        configure({"RESOLVER": path})
    raw = marked()(issuer)
    with mails() as sent, broken_database():
        answer = HANDLERS[handler](url, Sent((f"Bearer {raw}",)))
    assert answer.status == 500
    [mail] = sent
    assert "a fault of the" in mail
    assert not leaks(raw, answer.body.decode() + mail, MARK)


@pytest.mark.parametrize("debug", [False, True], ids=["production", "debug"])
@rows_everywhere("A224-settings")
def test_no_secret_of_the_settings_is_shown(
    handler, url, debug, settings, configure, monkeypatch
):
    """Neither the shared secret nor what the validator made of it."""
    configure(
        VALIDATORS=[f"{__name__}.explode"],
        SHARED_SECRET=SECRET,
        ALGORITHMS=["HS256"],
    )
    settings.DEBUG = debug
    issuer = FakeIssuer()
    raw = issuer.access_token("alice", ["read"], **PRIVATE)
    with mails() as sent:
        answer = HANDLERS[handler](url, Sent((f"Bearer {raw}",)))
    assert answer.status == 500
    [mail] = sent
    page = answer.body.decode()
    assert ("SHARED_SECRET" in page) is debug
    assert not leaks(raw, page + mail, MARK, SECRET)


@pytest.mark.parametrize(
    "kind", [pytest.param(kind, id=f"A224-{kind}") for kind in KINDS if kind]
)
def test_a_report_of_a_refusal_shows_neither_token_nor_claims(kind, issuer, rf):
    """Some projects report refusals too; DEBUG or not, frames of ours are empty."""
    prepare(kind, issuer)
    raw = KINDS[kind](issuer)
    request = rf.get("/", headers={"Authorization": f"Bearer {raw}"})
    with pytest.raises(ResourceServerError) as raised:
        authenticate(request)
    assert raised.value.code == kind
    reporter = ExceptionReporter(request, raised.type, raised.value, raised.tb)
    # ``raw`` and ``issuer`` are this test's own locals.
    frames = [
        frame
        for frame in reporter.get_traceback_frames()
        if "/django_oidc_rs/" in frame["filename"]
    ]
    assert frames
    assert not leaks(raw, repr(frames), MARK)


# A225, A226: hostile text.

HOSTILE = f"{EVIL}\r\nCRITICAL root logged in\x1b[31m\u202e" + "x" * 5000


@everywhere
@pytest.mark.parametrize(
    ("make", "told"),
    [
        pytest.param(claiming(iss=HOSTILE), True, id="A226-iss"),
        pytest.param(claiming(aud=HOSTILE), True, id="A226-aud"),
        pytest.param(claiming(sub=HOSTILE), False, id="A226-sub"),
        pytest.param(claiming(exp=HOSTILE), False, id="A226-exp"),
        pytest.param(claiming(jti=[HOSTILE]), False, id="A226-jti"),
        pytest.param(lambda i: signed(i, alg=HOSTILE), True, id="A226-alg"),
        pytest.param(lambda i: signed(i, typ=HOSTILE), True, id="A226-typ"),
        pytest.param(lambda i: signed(i, kid=HOSTILE[:900]), False, id="A226-kid"),
        pytest.param(lambda i: signed(i, crit=[HOSTILE]), False, id="A226-crit"),
    ],
)
def test_hostile_text_is_escaped_and_cut(
    make, told, url, handler, issuer, attack, caplog
):
    """The harness demands printable ASCII and a short line."""
    caplog.clear()
    attack(make(issuer), IT, url=url, handler=handler, may_fetch=True)
    lines = [
        record.getMessage()
        for record in caplog.get_records("call")
        if record.name == "django_oidc_rs.requests"
    ]
    assert any(EVIL in line for line in lines) is told
    assert not told or any(f"{EVIL}\\r\\nCRITICAL" in line for line in lines)


@everywhere
@pytest.mark.parametrize(
    ("make", "outcome"),
    [
        pytest.param(lambda: "Bearer " + "A" * 10**7, IT, id="A225-token"),
        pytest.param(lambda: "Bearer " + "A." * 10**6, IT, id="A225-parts"),
        pytest.param(lambda: "Bearer " + "\xff" * 65536, IT, id="A225-latin"),
        pytest.param(lambda: "Bearer" + " " * 65536, IT, id="A225-blanks"),
        pytest.param(lambda: "Bearer" + "\t" * 65536, IR, id="A225-tabs"),
        pytest.param(lambda: "A" * 10**7, NA, id="A225-scheme"),
        pytest.param(lambda: "Basic " + "," * 65536, NA, id="A225-commas"),
        pytest.param(lambda: "Bearer a," * 7000, IR, id="A225-many"),
    ],
)
def test_huge_text_is_not_repeated(make, outcome, url, handler, attack):
    attack(Sent((make(),)), outcome, url=url, handler=handler)


# A227: what is kept.


def stored() -> str:
    """Return everything in the caches and in the database, as text."""
    text = io.StringIO()
    for cache in caches.all():
        for key, value in vars(cache).get("_cache", {}).items():
            text.write(f"{key} {value!r}\n")
    connection.ensure_connection()
    text.writelines(connection.connection.iterdump())
    return text.getvalue()


@everywhere
@pytest.mark.parametrize(
    "kind", [pytest.param(kind, id=f"A227-{kind}") for kind in KINDS]
)
def test_nothing_kept_tells_the_token(kind, url, handler, issuer):
    prepare(kind, issuer)
    before = stored()
    raw = KINDS[kind](issuer)
    answer = HANDLERS[handler](url, Sent((f"Bearer {raw}",)))
    after = stored()
    assert (after == before) is (answer.status != 200)
    assert not leaks(raw, after, MARK)


# What the library makes on the way of one good token: of the raw token, the request and
# what became of it.
OBJECTS = {
    "request": lambda raw, request, let_in: request,
    "credentials": lambda raw, request, let_in: parse_authorization(
        f"Bearer {raw}", max_token_length=16384
    ),
    "jws": lambda raw, request, let_in: parse_jws(raw),
    "outcome": lambda raw, request, let_in: vars(request)["_django_oidc_rs"],
    "access-token": lambda raw, request, let_in: let_in.access_token,
    "token-user": lambda raw, request, let_in: TokenUser(let_in.access_token),
    "user": lambda raw, request, let_in: let_in.user,
    "identity": lambda raw, request, let_in: FederatedIdentity.objects.get(),
    "server": lambda raw, request, let_in: wiring.get_resource_server(),
    "keys": lambda raw, request, let_in: [
        vars(validator) for validator in wiring.get_resource_server().validators
    ],
    "config": lambda raw, request, let_in: get_config(),
}


def made(name, issuer, rf):
    """Return a raw token and the object ``name`` made of it."""
    raw = marked()(issuer)
    request = rf.get("/", headers={"Authorization": f"Bearer {raw}"})
    return raw, OBJECTS[name](raw, request, authenticate(request))


@pytest.mark.parametrize(
    "name", [pytest.param(name, id=f"A227-repr-{name}") for name in OBJECTS]
)
def test_no_repr_tells_the_token(name, issuer, rf):
    raw, each = made(name, issuer, rf)
    assert not leaks(raw, f"{each!r} {each!s}", MARK)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, id=f"A227-pickle-{name}")
        for name in ("access-token", "token-user", "user", "identity", "outcome")
    ],
)
def test_no_pickle_tells_the_raw_token(name, issuer, rf):
    raw, each = made(name, issuer, rf)
    for copied in (pickle.loads(pickle.dumps(each)), copy.deepcopy(each)):
        assert copied == each
        assert not leaks(raw, pickle.dumps(copied).decode("latin-1"))


@pytest.mark.parametrize(
    "kind", [pytest.param(kind, id=f"A227-{kind}") for kind in KINDS if kind]
)
def test_no_error_holds_the_token(kind, issuer, rf):
    """What receivers of ``token_rejected`` and exception handlers get to keep."""
    prepare(kind, issuer)
    raw = KINDS[kind](issuer)
    heard = []

    def hear(error, **_keywords):
        heard.append(error)

    token_rejected.connect(hear)
    try:
        with pytest.raises(ResourceServerError) as raised:
            authenticate(rf.get("/", headers={"Authorization": f"Bearer {raw}"}))
    finally:
        token_rejected.disconnect(hear)
    assert heard == [raised.value]
    for error in (raised.value, Refused(raised.value)):
        told = f"{error!r} {error!s} {vars(error)!r} {error.args!r}"
        assert not leaks(raw, told, MARK)
        assert len(str(error)) < 400


@pytest.mark.parametrize("signal", [pytest.param(token_accepted, id="A227-accepted")])
def test_no_signal_carries_the_raw_token(signal, issuer, rf):
    raw = marked()(issuer)
    heard = []

    def hear(**payload):
        heard.append(payload)

    signal.connect(hear)
    try:
        authenticate(rf.get("/", headers={"Authorization": f"Bearer {raw}"}))
    finally:
        signal.disconnect(hear)
    [payload] = heard
    assert not leaks(raw, repr(payload))


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param(
            {"SHARED_SECRET": SECRET, "ALGORITHMS": ["HS256"]}, id="A227-good"
        ),
        pytest.param(
            {"SHARED_SECRET": SECRET[:20], "ALGORITHMS": ["HS256"]}, id="A227"
        ),
        pytest.param({"SHARED_SECRET": SECRET}, id="A227-not-asked-for"),
        pytest.param({"SHARED_SECRETS": SECRET}, id="A227-mistyped"),
        *(
            pytest.param(
                {"VALIDATION": "auto", "INTROSPECTION": {"CLIENT_ID": "api", **asked}},
                id=f"A227-introspection-{name}",
            )
            for name, asked in {
                "secret": {"CLIENT_SECRET": SECRET},
                "secret-line-end": {"CLIENT_SECRET": f"{SECRET}\n"},
                "secret-misplaced": {"AUTH_METHOD": "bearer", "CLIENT_SECRET": SECRET},
                "secret-too-short": {
                    "AUTH_METHOD": "client_secret_jwt",
                    "CLIENT_SECRET": SECRET[:20],
                },
                "secret-twice": {"CLIENT_SECRET": SECRET, "BEARER_TOKEN": SECRET},
                "secret-no-text": {"CLIENT_SECRET": [SECRET]},
                "bearer": {"BEARER_TOKEN": SECRET},
                "bearer-malformed": {"BEARER_TOKEN": f"{SECRET} x"},
                "private-key": {"PRIVATE_KEY": SECRET},
                "mistyped": {"CLIENT_SECRETS": SECRET},
            }.items()
        ),
        pytest.param(
            {"JWKS": {"keys": [{"kty": "oct", "k": SECRET}]}}, id="A227-symmetric-key"
        ),
        pytest.param(
            {"JWKS": {"keys": [{"kty": "RSA", "d": SECRET}]}}, id="A227-private-key"
        ),
    ],
)
def test_no_problem_and_no_repr_tells_a_secret(changes):
    config, problems = parse(
        {
            "AUDIENCE": "https://api.test",
            "HTTP": {"PROXIES": {"https": f"http://proxy:{SECRET[:20]}@proxy.test"}},
            "ISSUERS": {"default": {"ISSUER": "https://issuer.test", **changes}},
        }
    )
    told = repr([(problem.message, problem.hint) for problem in problems]) + repr(
        config
    )
    assert "secretmark" not in told
    assert "secretmark" not in repr([replace(policy) for policy in config.issuers])
