"""One view per demand of the cases, for REST framework, sync and async."""

from __future__ import annotations

from django.http import HttpResponse
from django.urls import path
from rest_framework.authentication import BaseAuthentication
from rest_framework.permissions import AllowAny, IsAuthenticated
from rest_framework.response import Response
from rest_framework.views import APIView

from django_oidc_rs.decorators import scope_required
from django_oidc_rs.rest_framework import (
    AccessTokenAuthentication,
    HasAllScopes,
    HasAnyScope,
    HasScope,
)
from django_oidc_rs.token_user import TokenUser
from tests.attacks.surface import urlpatterns as attacked


class Basic(BaseAuthentication):
    """Stands for a project's other scheme, after ours."""

    def authenticate(self, request):
        scheme = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")[0]
        return (TokenUser, None) if scheme == "Basic" else None


class View(APIView):
    authentication_classes = [AccessTokenAuthentication]
    permission_classes = [AllowAny]

    def get(self, request):
        return Response("in")


class TwoSchemes(View):
    authentication_classes = [AccessTokenAuthentication, Basic]
    permission_classes = [IsAuthenticated]


def view(request):
    return HttpResponse("in")


async def aview(request):
    return HttpResponse("in")


def demanding(name, permission, guard):
    """Return the three views of one demand."""
    members = {"permission_classes": [permission]}
    return [
        path(f"{name}/drf", type(name, (View,), members).as_view()),
        path(f"{name}/view", guard(view)),
        path(f"{name}/aview", guard(aview)),
    ]


urlpatterns = [
    *attacked,
    path("optional", View.as_view()),
    path("two-schemes", TwoSchemes.as_view()),
    *demanding("a", HasScope("a"), scope_required("a")),
    *demanding("b", HasScope("b"), scope_required("b")),
    *demanding("a-and-c", HasAllScopes("a", "c"), scope_required("a", "c")),
    *demanding("c-or-b", HasAnyScope("c", "b"), scope_required(any_of=["c", "b"])),
    path("plain", view),
    path("aplain", aview),
]
