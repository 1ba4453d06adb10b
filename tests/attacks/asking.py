"""An issuer that is asked about tokens, and lies about some of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs

from django.test import override_settings
from django.urls import path
from rest_framework.permissions import AllowAny

from django_oidc_rs import wiring
from django_oidc_rs.core.http import FetchedDocument, FetchError
from django_oidc_rs.core.keys.limits import MAX_PAUSE
from django_oidc_rs.core.signed_answer import SIGNED_ANSWER
from django_oidc_rs.decorators import scope_required
from django_oidc_rs.rest_framework import IntrospectionAuthentication
from django_oidc_rs.testing import FakeClock, FakeIssuer, install
from tests.attacks import apis
from tests.core.builders import AUDIENCE, ISSUER, NOW, edited

__all__ = [
    "CLIENT_ID",
    "CRAFTED",
    "LIVE",
    "OPEN",
    "PATHS",
    "SECRET",
    "Said",
    "failing",
    "lying",
    "outage",
    "said",
    "settings_of",
    "signed_lie",
    "stage",
    "urlpatterns",
]

CLIENT_ID = "api"
SECRET = "secretmark+of/this:api%and~more"
CRAFTED = "crafted-0123456789"
"""A token that only an attacker would send."""

PATHS = apis.PATHS
LIVE = {"wsgi": "/drf-live", "asgi": "/aview-live"}
"""Handler -> the view that asks the issuer whatever is kept."""
OPEN = {"wsgi": "/drf-open", "asgi": "/drf-open"}
"""Handler -> the view that lets in who brings no credentials at all."""

Said = Callable[[], FetchedDocument]
"""What the endpoint says of one token; may raise ``FetchError``."""


class Live(apis.DrfView):
    authentication_classes = [IntrospectionAuthentication]


class Open(apis.DrfView):
    permission_classes = [AllowAny]


@scope_required("read", introspect=True)
async def aview_live(request: Any) -> Any:
    return await apis.aview(request)


urlpatterns = [
    *apis.urlpatterns,
    path("drf-live", Live.as_view()),
    path("drf-open", Open.as_view()),
    path("aview-live", aview_live),
]


def settings_of(validation: str = "auto", **asked: object) -> dict[str, Any]:
    """Return settings of one issuer that is asked, edited by ``asked``."""
    credentials = {"CLIENT_ID": CLIENT_ID, "CLIENT_SECRET": SECRET}
    issuer = {
        "ISSUER": ISSUER,
        "VALIDATION": validation,
        "INTROSPECTION": edited(credentials, asked),
    }
    return {"AUDIENCE": AUDIENCE, "ISSUERS": {"default": issuer}}


@contextmanager
def stage(validation: str = "auto", **asked: object) -> Iterator[FakeIssuer]:
    """Play the issuer of ``settings_of`` at ``NOW``, without middleware."""
    clock = FakeClock(NOW)
    with override_settings(OIDC_RS=settings_of(validation, **asked), MIDDLEWARE=[]):
        issuer = FakeIssuer(clock=clock)
        with install(issuer, clock=clock):
            yield issuer


def said(body: Mapping[str, object] | bytes, kind: str = "application/json") -> Said:
    """Return what says ``body``."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()

    def say() -> FetchedDocument:
        return FetchedDocument(
            url=f"{ISSUER}/introspect",
            status=200,
            body=data,
            headers={"content-type": kind},
            public_address=True,
        )

    return say


def failing(
    code: str, status: int | None = None, retry_after: int | None = None
) -> Said:
    """Return what says nothing; see ``FetchError``."""

    def fail() -> FetchedDocument:
        raise FetchError(code, "a fault", status=status, retry_after=retry_after)

    return fail


def signed_lie(issuer: FakeIssuer, **edits: Any) -> Said:
    """Return a signed answer; ``typ`` and ``key`` are edits of what is no claim."""
    typ = edits.pop("typ", "token-introspection+jwt")
    key = edits.pop("key", issuer.key)
    answer = {"active": True, **issuer.claims("alice", ["read"])}
    usual = {
        "iss": issuer.issuer,
        "aud": CLIENT_ID,
        "iat": NOW,
        "token_introspection": answer,
    }
    claims = {**usual, **edits}
    header = {"alg": key.algorithm, "kid": issuer.key.key_id, "typ": typ}
    raw = key.sign(
        {name: value for name, value in claims.items() if value is not ...},
        {name: value for name, value in header.items() if value is not ...},
    )
    return said(raw.encode(), SIGNED_ANSWER)


@contextmanager
def lying(table: Mapping[str, Said]) -> Iterator[None]:
    """Say of the tokens in ``table`` what stands there now; of others, the truth.

    A ``"*"`` in it stands for all others.
    """
    seams = wiring.get_seams()

    def post(url: str, *, body: bytes, **options: Any) -> FetchedDocument:
        [raw_token] = parse_qs(body.decode())["token"]
        say = table.get(raw_token, table.get("*"))
        return say() if say else seams.post(url, body=body, **options)

    with wiring.substitute(replace(seams, post=post)):
        yield


@contextmanager
def outage(table: dict[str, Said], say: Said, clock: FakeClock) -> Iterator[None]:
    """Let the endpoint of ``lying(table)`` say ``say`` of every token.

    It is over for longer than anybody waits before asking again.
    """
    table["*"] = say
    try:
        yield
    finally:
        del table["*"]
        clock.advance(MAX_PAUSE)
