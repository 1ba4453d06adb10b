"""The same three answers from every way of protecting a view."""

from __future__ import annotations

from django.http import HttpResponse
from django.urls import path
from django.views import View
from rest_framework.permissions import AllowAny, IsAuthenticated
from rest_framework.response import Response
from rest_framework.views import APIView

from django_oidc_rs.decorators import scope_required
from django_oidc_rs.mixins import ScopeRequiredMixin
from django_oidc_rs.rest_framework import HasAllScopes, HasClaim, TokenHasScope

SCOPES = ("read", "list")


class Drf(APIView):
    permission_classes = [HasAllScopes(*SCOPES)]

    def get(self, request):
        return Response("in")

    post = put = patch = delete = get


class Public(Drf):
    permission_classes = [AllowAny]


class ByMethod(Drf):
    permission_classes = [TokenHasScope]
    required_scopes = {"GET": ["read"], "POST": ["write"]}


class Gold(Drf):
    permission_classes = [HasClaim("tier", "gold")]


class WhoAmI(APIView):
    permission_classes = [IsAuthenticated]

    def get(self, request):
        return Response({"kind": type(request.user).__name__, "pk": request.user.pk})


@scope_required(*SCOPES)
def plain(request):
    return HttpResponse("in")


@scope_required(*SCOPES)
async def aplain(request):
    return HttpResponse("in")


class Mixed(ScopeRequiredMixin, View):
    required_scopes = SCOPES

    def get(self, request):
        return HttpResponse("in")

    post = put = patch = delete = options = get


def unguarded(request):
    return HttpResponse("in")


urlpatterns = [
    path("drf", Drf.as_view()),
    path("plain", plain),
    path("aplain", aplain),
    path("mixed", Mixed.as_view()),
    path("public", Public.as_view()),
    path("by-method", ByMethod.as_view()),
    path("gold", Gold.as_view()),
    path("whoami", WhoAmI.as_view()),
    path("open", unguarded),
]

EVERY_VIEW = ("/drf", "/plain", "/aplain", "/mixed")
