"""The API that is attacked, and the tools of the trade.

One REST framework view, one decorated view and one async decorated view stand for the
adapters; the others each show one way to configure a view.
"""

from __future__ import annotations

import functools
import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.contrib import admin
from django.db.models import Model
from django.http import HttpResponse, JsonResponse
from django.urls import path
from django.views.decorators.cache import cache_page
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.permissions import AllowAny, IsAdminUser, IsAuthenticated
from rest_framework.response import Response
from rest_framework.views import APIView

from django_oidc_rs.decorators import access_token_required, scope_required
from django_oidc_rs.rest_framework import (
    AccessTokenAuthentication,
    HasAnyScope,
    HasScope,
    TokenHasScope,
)
from django_oidc_rs.testing import SigningKey
from django_oidc_rs.testing.signing import encode
from tests.attacks.harness import EVIL, HANDLERS, Outcome


class DrfView(APIView):
    authentication_classes = [AccessTokenAuthentication, SessionAuthentication]
    permission_classes = [HasScope("read")]

    def get(self, request):
        return Response("in")

    post = trace = get


class PublicView(DrfView):
    permission_classes = [AllowAny]


class ByMethod(DrfView):
    permission_classes = [TokenHasScope]
    required_scopes = {"GET": ["read"], "POST": ["write"]}


class Unconfigured(DrfView):
    permission_classes = [TokenHasScope]


class Either(DrfView):
    permission_classes = [IsAdminUser | HasScope("write")]


class NoChallenge(BaseAuthentication):
    def authenticate(self, request):
        return None


class SessionFirst(DrfView):
    authentication_classes = [SessionAuthentication, AccessTokenAuthentication]


class QuietFirst(DrfView):
    authentication_classes = [NoChallenge, AccessTokenAuthentication]


class DrfName(DrfView):
    def get(self, request):
        return Response(request.user.get_username())


def name(request):
    return HttpResponse(request.user.get_username())


def facts(request):
    """Say who came in, and whether as a row of the database."""
    return {"name": request.user.get_username(), "row": isinstance(request.user, Model)}


class DrfWhoAmI(DrfView):
    permission_classes = [IsAuthenticated]

    def get(self, request):
        return Response(facts(request))


@access_token_required
async def awhoami(request):
    return JsonResponse(facts(request))


def belonging(request, owner):
    """Answer as an API does that has one document per subject."""
    found = request.access_token.subject == owner
    facts = {"owner": owner if found else None}
    return JsonResponse(facts, status=200 if found else 404)


class Reversed(DrfView):
    permission_classes = [HasScope("write") | IsAdminUser]


class Both(DrfView):
    permission_classes = [IsAuthenticated & HasScope("read") & HasScope("write")]


class Nested(DrfView):
    permission_classes = [
        IsAuthenticated,
        (IsAdminUser & HasScope("admin")) | HasAnyScope("write", "manage"),
    ]


def fail(request):
    raise RuntimeError("a fault of the view")


async def afail(request):
    raise RuntimeError("a fault of the view")


def ask_and_fail(request):
    assert request.access_token.subject
    raise RuntimeError("a fault of the view")


class DrfFail(DrfWhoAmI):
    def get(self, request):
        assert request.auth.subject
        raise RuntimeError("a fault of the view")


class EmptyList(Unconfigured):
    required_scopes = []


class OtherMethod(Unconfigured):
    required_scopes = {"POST": ["read"]}


@scope_required("read")
def view(request):
    return HttpResponse("in")


@scope_required("read")
async def aview(request):
    return HttpResponse("in")


urlpatterns = [
    path("drf", DrfView.as_view()),
    path("view", view),
    path("aview", aview),
    path("public", PublicView.as_view()),
    path("by-method", ByMethod.as_view()),
    path("unconfigured", Unconfigured.as_view()),
    path("either", Either.as_view()),
    path("either-reversed", Reversed.as_view()),
    path("both", Both.as_view()),
    path("nested", Nested.as_view()),
    path("empty-list", EmptyList.as_view()),
    path("other-method", OtherMethod.as_view()),
    path("drf-whoami", DrfWhoAmI.as_view()),
    path("awhoami", awhoami),
    path("documents/<owner>", access_token_required(belonging)),
    path("admin/", admin.site.urls),
    path("broken/drf", DrfFail.as_view()),
    path("broken/view", access_token_required(fail)),
    path("broken/aview", access_token_required(afail)),
    path("broken/middleware", ask_and_fail),
    path("session-first", SessionFirst.as_view()),
    path("quiet-first", QuietFirst.as_view()),
    path("drf-cached", cache_page(60)(DrfName.as_view())),
    path("cached", cache_page(60)(scope_required("read")(name))),
    path("cached-inside", scope_required("read")(cache_page(60)(name))),
]

PLACES = (("wsgi", "drf"), ("wsgi", "view"), ("asgi", "aview"))
"""Handlers and kinds of view: each handler and each kind stands in one of them.

``test_both_handlers_say_the_same`` holds that the others differ in nothing.
"""

over_every_handler = pytest.mark.parametrize("handler", list(HANDLERS))
everywhere = pytest.mark.parametrize(
    ("handler", "url"),
    [pytest.param(each, f"/{kind}", id=f"{each}-{kind}") for each, kind in PLACES],
)


def rows(*ids: str) -> Any:
    """Run the test once per handler, named by the row it stands for."""
    return pytest.mark.parametrize(
        "handler",
        [pytest.param(each, id=f"{row}-{each}") for row in ids for each in HANDLERS],
    )


def rows_everywhere(*ids: str) -> Any:
    """Run the test in every one of ``PLACES``, named by the row it stands for."""
    return pytest.mark.parametrize(
        ("handler", "url"),
        [
            pytest.param(handler, f"/{kind}", id=f"{row}-{handler}-{kind}")
            for row in ids
            for handler, kind in PLACES
        ],
    )


IT = Outcome(401, "invalid_token")
IR = Outcome(400, "invalid_request")
NA = Outcome(401)
IS = Outcome(403, "insufficient_scope")
OK = Outcome(200)
CANNOT_TELL = Outcome(503)

FORM = "application/x-www-form-urlencoded"


@functools.cache
def rsa_key() -> SigningKey:
    return SigningKey("RS256", key_id="rsa")


# Tools of the trade.


def b(value: Any) -> str:
    """Encode a part of a token."""
    return encode(value if isinstance(value, bytes) else json.dumps(value).encode())


def header(issuer: Any, **parameters: Any) -> dict[str, Any]:
    made = {
        "alg": issuer.algorithm,
        "kid": issuer.key.key_id,
        "typ": "at+jwt",
        **parameters,
    }
    return {name: value for name, value in made.items() if value is not ...}


def signed(issuer: Any, claims: Any = None, **parameters: Any) -> str:
    """Return a token the issuer really signed, with this header."""
    if claims is None:
        claims = issuer.claims("alice", ["read"])
    return issuer.key.sign(claims, header(issuer, **parameters))


def unsigned(issuer: Any, head: Any, signature: bytes | str = "") -> str:
    payload = b(issuer.claims("alice", ["read"]))
    tail = signature if isinstance(signature, str) else encode(signature)
    return f"{b(head)}.{payload}.{tail}"


def keyed_by(issuer: Any, secret: bytes, **parameters: Any) -> str:
    """Return an HS256 token whose secret is what everybody knows."""
    head = header(issuer, **{"alg": "HS256", "kid": "rsa", **parameters})
    signing_input = f"{b(head)}.{b(issuer.claims('alice', ['read']))}"
    tag = hmac.new(secret, signing_input.encode(), hashlib.sha256).digest()
    return f"{signing_input}.{encode(tag)}"


def public_bytes(encoding: Encoding, form: PublicFormat) -> bytes:
    return rsa_key()._private.public_key().public_bytes(encoding, form)


def stranger(issuer: Any, **parameters: Any) -> str:
    """Return a token of somebody's own key."""
    key = SigningKey(issuer.algorithm, key_id=f"{EVIL}-kid")
    head = header(issuer, **{"kid": key.key_id, "jwk": key.public_jwk(), **parameters})
    return key.sign(issuer.claims("alice", ["read"]), head)


def resigned(issuer: Any, change: Callable[[bytes], bytes]) -> str:
    token = issuer.access_token("alice", ["read"])
    head, payload, _signature = token.split(".")
    signature = issuer.key.signature(f"{head}.{payload}".encode())
    return f"{head}.{payload}.{encode(change(signature))}"


def claiming(**claims: Any) -> Callable[[Any], str]:
    """Return a maker of well signed tokens; a claim given as ``...`` is left out."""

    def make(issuer: Any) -> str:
        made = {**issuer.claims("alice", ["read"]), **claims}
        kept = {name: value for name, value in made.items() if value is not ...}
        return issuer.key.sign(kept)

    return make


def payload(data: bytes) -> Callable[[Any], str]:
    return lambda issuer: issuer.key.sign(data, header(issuer))


def raw_claims(text: str) -> Callable[[Any], str]:
    """Return a maker of tokens whose claims are the usual ones and then ``text``."""

    def make(issuer: Any) -> str:
        usual = json.dumps(issuer.claims("alice", ["read"]))
        return issuer.key.sign(f"{usual[:-1]}, {text}}}".encode(), header(issuer))

    return make


def head_text(text: str) -> Callable[[Any], str]:
    def make(issuer: Any) -> str:
        claims = issuer.claims("alice", ["read"])
        filled = text.replace("ALG", issuer.algorithm).replace("KID", issuer.key.key_id)
        return issuer.key.sign(claims, filled.encode())

    return make


def deep(depth: int) -> str:
    return "[" * depth + "]" * depth
