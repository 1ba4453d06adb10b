"""Run one attack against one view through one handler, and assert what always holds.

The handlers are Django's own for WSGI and ASGI, not the test client's: requests arrive
as servers deliver them, and exceptions become answers as they do in production.
"""

from __future__ import annotations

import io
import json
import logging
import re
import resource
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote, unquote

from asgiref.sync import async_to_sync
from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.contrib.sessions.models import Session
from django.core.cache import caches
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler

from django_oidc_rs import wiring
from django_oidc_rs.core.jwk import VerificationKey
from django_oidc_rs.models import FederatedIdentity
from tests.http_syntax import directives, list_members, parse_challenge

__all__ = [
    "EVIL",
    "HANDLERS",
    "Answer",
    "Outcome",
    "Sent",
    "no_network",
    "over_asgi",
    "over_wsgi",
    "strike",
]

EVIL = "evilmark"
"""Stands in whatever an attacker may write; must never stand in an answer."""

# Refusals that must come before any signature is looked at.
_BEFORE_SIGNATURES = {
    *("invalid_request", "token_too_long", "malformed_token", "untrusted_issuer"),
    *("algorithm_not_allowed", "key_unusable", "unknown_key"),
}

CPU_SECONDS = 3.0
"""What no attack may cost. No measure of speed, which no test is: what grows with the
square of its input would take longer."""

MEMORY_KIB = 32 * 1024
"""By how much one attack may raise the highest mark of the process."""

_references: dict[tuple[str, str, str], Answer] = {}

_JWT = re.compile(r"[\w-]{9,}\.[\w-]{9,}\.[\w-]+")


@dataclass(frozen=True)
class Outcome:
    """What the caller must see: status, and the ``error`` of the challenge."""

    status: int
    error: str | None = None


@dataclass(frozen=True)
class Sent:
    """One request; ``authorization`` holds one string per header field."""

    authorization: tuple[str, ...] = ()
    method: str = "GET"
    query: str = ""
    body: bytes = b""
    content_type: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def secrets(self) -> Iterator[str]:
        """Everything a log or an answer must not repeat."""
        words = [word for value in self.authorization for word in value.split()]
        elsewhere = [self.query, self.body.decode("latin-1"), *self.headers.values()]
        for text in elsewhere:
            words.extend(_JWT.findall(text))
        for word in words:
            yield from (part for part in word.split(".") if len(part) > 8)


@dataclass(frozen=True)
class Answer:
    """What came back over the wire."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def all(self, name: str) -> list[str]:
        """Return every value of a header."""
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def one(self, name: str) -> str:
        """Return the only value of a header."""
        [value] = self.all(name)
        return value


def over_wsgi(path: str, sent: Sent) -> Answer:
    """Send through WSGI; servers join repeated header fields by a comma."""
    environ: dict[str, Any] = {
        "REQUEST_METHOD": sent.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote(path),
        "QUERY_STRING": sent.query,
        "SERVER_NAME": "api.test",
        "SERVER_PORT": "443",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "192.0.2.1",
        "CONTENT_LENGTH": str(len(sent.body)),
        "CONTENT_TYPE": sent.content_type,
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "https",
        "wsgi.input": io.BytesIO(sent.body),
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    if sent.authorization:
        environ["HTTP_AUTHORIZATION"] = ",".join(sent.authorization)
    for name, value in sent.headers.items():
        environ[f"HTTP_{name.upper().replace('-', '_')}"] = value
    started: list[Any] = []

    def start_response(status: str, headers: list[tuple[str, str]]) -> None:
        started.extend((int(status.split(maxsplit=1)[0]), tuple(headers)))

    response = WSGIHandler()(environ, start_response)
    body = b"".join(response)
    response.close()
    return Answer(started[0], started[1], b"" if sent.method == "HEAD" else body)


def over_asgi(path: str, sent: Sent) -> Answer:
    """Send through ASGI; Django joins repeated header fields itself."""
    headers = [(b"host", b"api.test")]
    if sent.content_type:
        headers.append((b"content-type", sent.content_type.encode("latin-1")))
    headers.extend(
        (b"authorization", value.encode("latin-1")) for value in sent.authorization
    )
    headers.extend(
        (name.lower().encode(), value.encode("latin-1"))
        for name, value in sent.headers.items()
    )
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": sent.method,
        "scheme": "https",
        "path": unquote(path),
        "raw_path": quote(path).encode(),
        "query_string": sent.query.encode(),
        "headers": headers,
        "server": ("api.test", 443),
        "client": ("192.0.2.1", 50000),
    }
    messages: list[dict[str, Any]] = []

    async def exchange() -> None:
        import asyncio

        delivered = False

        async def receive() -> dict[str, Any]:
            nonlocal delivered
            if delivered:
                # The client stays; only Django ends this wait.
                await asyncio.Event().wait()
            delivered = True
            return {"type": "http.request", "body": sent.body, "more_body": False}

        async def send(message: dict[str, Any]) -> None:
            messages.append(message)

        # Not __call__: its thread of its own would have a database of its own.
        await ASGIHandler().handle(scope, receive, send)

    async_to_sync(exchange)()
    body = b"".join(message.get("body", b"") for message in messages[1:])
    return Answer(
        messages[0]["status"],
        tuple((key.decode(), value.decode()) for key, value in messages[0]["headers"]),
        b"" if sent.method == "HEAD" else body,
    )


HANDLERS: dict[str, Callable[[str, Sent], Answer]] = {
    "wsgi": over_wsgi,
    "asgi": over_asgi,
}


@contextmanager
def no_network(monkeypatch: Any) -> Iterator[list[object]]:
    """Let every outbound connection and name lookup fail, and list the attempts."""
    attempts: list[object] = []

    def refuse(*args: object, **kwargs: object) -> Any:
        attempts.append(args)
        raise OSError("no network in these tests")

    with monkeypatch.context() as patch:
        for name in ("connect", "connect_ex", "sendto"):
            patch.setattr(socket.socket, name, refuse)
        patch.setattr(socket, "getaddrinfo", refuse)
        yield attempts


@contextmanager
def _watched_fetches() -> Iterator[tuple[list[str], list[str]]]:
    """List the addresses that are fetched, and those that are asked about tokens."""
    asked: list[str] = []
    questions: list[str] = []
    seams = wiring.get_seams()

    def fetch(url: str, **options: Any) -> Any:
        asked.append(url)
        return seams.fetch(url, **options)

    def post(url: str, **options: Any) -> Any:
        questions.append(url)
        return seams.post(url, **options)

    with wiring.substitute(replace(seams, fetch=fetch, post=post)):
        yield asked, questions


def _rows() -> list[list[Any]]:
    """Return every row an attack could wish to make or change."""
    models: tuple[Any, ...] = (get_user_model(), Group, Session, FederatedIdentity)
    return [list(model.objects.order_by("pk").values()) for model in models]


@contextmanager
def _counted_verifications(monkeypatch: Any) -> Iterator[list[str]]:
    """List the algorithm of every signature that is really verified."""
    verified: list[str] = []
    verify = VerificationKey.verify

    def counted(key: VerificationKey, algorithm: str, *octets: bytes) -> bool:
        verified.append(algorithm)
        return verify(key, algorithm, *octets)

    with monkeypatch.context() as patch:
        patch.setattr(VerificationKey, "verify", counted)
        yield verified


def _check_rows(before: list[list[Any]], *, may_create: bool) -> None:
    """No row changed; a good token may have made one user and one identity."""
    allowed = (1, 0, 0, 1) if may_create else (0, 0, 0, 0)
    for old, new, more in zip(before, _rows(), allowed, strict=True):
        if may_create:
            # Which claims were applied last is noted with every good token.
            for row in (*old, *new):
                row.pop("applied", None)
                row.pop("applied_at", None)
        assert new[: len(old)] == old
        assert len(new) - len(old) <= more


def _cached() -> list[str]:
    """Return the keys of every cache that is kept in this process."""
    return [key for cache in caches.all() for key in getattr(cache, "_cache", ())]


def _cost(send: Callable[[], Answer]) -> tuple[Answer, float, int]:
    """Return the answer, the CPU seconds it took, and how far memory rose, in KiB."""
    highest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.process_time()
    answer = send()
    spent = time.process_time() - started
    rise = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - highest
    return answer, spent, rise


def _check_answer(answer: Answer, outcome: Outcome, sent: Sent) -> None:
    assert answer.status == outcome.status
    assert "authorization" in list_members(",".join(answer.all("Vary")))
    names = directives(answer.one("Cache-Control"))
    assert names & {"private", "no-store"}
    assert not names & {"public", "s-maxage"}
    assert not answer.all("Set-Cookie")
    if answer.status in (400, 401, 403):
        challenge = parse_challenge(answer.one("WWW-Authenticate"))
        assert challenge.parameters.get("error") == outcome.error
    elif answer.status == 503:
        assert int(answer.one("Retry-After")) >= 1
    if answer.status >= 400 and sent.method != "HEAD":
        assert answer.one("Content-Type") == "application/json"
        assert json.loads(answer.body)
    told = "\n".join(f"{name}: {value}" for name, value in answer.headers)
    told += answer.body.decode()
    assert EVIL not in told.lower()
    assert not [secret for secret in sent.secrets if secret in told]


def _check_logs(caplog: Any, sent: Sent) -> None:
    for record in caplog.records:
        if not record.name.startswith("django_oidc_rs"):
            continue
        message = record.getMessage()
        assert message.isascii()
        assert message.isprintable()
        assert len(message) < 400
        assert hasattr(record, "reason")
        assert hasattr(record, "issuer_alias")
    assert "Traceback" not in caplog.text
    assert not [secret for secret in sent.secrets if secret in caplog.text]


def _excess(sent: Sent) -> int:
    """Return how many characters are more than any server lets through unasked."""
    return max(0, sum(map(len, sent.authorization)) + len(sent.body) - 65536)


def _reference(url: str, handler: str) -> Answer:
    """Return what any bad token gets; asked once per view and settings."""
    made = (settings.ROOT_URLCONF, settings.DEBUG, settings.MIDDLEWARE)
    key = (handler, url, repr((made, settings.OIDC_RS)))
    if key not in _references:
        _references[key] = HANDLERS[handler](url, Sent(("Bearer garbage",)))
    return _references[key]


def strike(
    sent: Sent,
    outcome: Outcome,
    *,
    url: str,
    handler: str,
    issuer: Any,
    good: str,
    caplog: Any,
    monkeypatch: Any,
    may_fetch: bool = False,
    may_ask: int = 0,
    may_create: bool = False,
    reason: str | None = None,
    during: Callable[[], AbstractContextManager[object]] = nullcontext,
) -> Answer:
    """Send the attack, assert every invariant, and return its answer.

    ``good`` is a raw token that opens ``url``; its user exists before the attack.
    ``may_fetch``: the attack may make us ask the issuer itself, once, for new keys.
    ``may_ask``: how often the attack may make us ask the issuer about the token.
    ``may_create``: what is sent is a good token, which may create its own user.
    ``reason``: the stable code of the refusal, as the log must have it.
    ``during``: makes the world the attack falls into; it is over for the good token.
    """
    send = HANDLERS[handler]
    opener = Sent((f"Bearer {good}",))
    with no_network(monkeypatch) as attempts, _watched_fetches() as (asked, questions):
        assert send(url, opener).status == 200
        rows, cached = _rows(), _cached()
        asked.clear()
        questions.clear()
        caplog.clear()
        with (
            during(),
            caplog.at_level(logging.DEBUG),
            _counted_verifications(monkeypatch) as verified,
        ):
            answer, spent, rise = _cost(lambda: send(url, sent))
        _check_logs(caplog, sent)
        reasons = {getattr(record, "reason", None) for record in caplog.records}
        assert reason is None or reason in reasons
        assert not (verified and reasons & _BEFORE_SIGNATURES)
        _check_answer(answer, outcome, sent)
        _check_rows(rows, may_create=may_create)
        assert _cached() == cached
        assert not attempts
        assert all(issuer.knows(address) for address in asked)
        assert len(asked) <= (1 if may_fetch else 0)
        assert len(questions) <= may_ask
        if outcome.error == "invalid_token":
            # One answer for all causes is no oracle.
            reference = _reference(url, handler)
            assert answer.headers == reference.headers or sent.method == "HEAD"
            assert answer.body == (b"" if sent.method == "HEAD" else reference.body)
        assert send(url, opener).status == 200
        assert not attempts
        # A collection of garbage may fall into one measurement, not into three.
        most = CPU_SECONDS + _excess(sent) / 5_000_000
        again = 2 if spent >= most else 0
        spent = min([spent, *(_cost(lambda: send(url, sent))[1] for _ in range(again))])
        assert spent < most
        assert rise < MEMORY_KIB
    return answer
