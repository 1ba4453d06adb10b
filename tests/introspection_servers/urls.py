"""Views that real tokens open, or not."""

from __future__ import annotations

from django.http import JsonResponse
from django.urls import path
from rest_framework.response import Response
from rest_framework.views import APIView

from django_oidc_rs.decorators import access_token_required, scope_required
from django_oidc_rs.rest_framework import (
    AccessTokenAuthentication,
    HasScope,
    IsMachine,
)

from .credentials import SCOPE


def facts(token):
    return {
        "issuer": token.issuer,
        "subject": token.subject,
        "client_id": token.client_id,
        "audience": list(token.audience),
        "scopes": sorted(token.scopes),
    }


class Orders(APIView):
    authentication_classes = [AccessTokenAuthentication]
    permission_classes = [HasScope(SCOPE)]

    def get(self, request):
        return Response(facts(request.auth))


class ForMachines(Orders):
    permission_classes = [IsMachine]


@scope_required(SCOPE, resolve_user=False)
def view(request):
    return JsonResponse(facts(request.access_token))


@scope_required(SCOPE, resolve_user=False)
async def aview(request):
    return JsonResponse(facts(request.access_token))


@access_token_required(resolve_user=False, introspect=True)
def high_risk(request):
    return JsonResponse(facts(request.access_token))


urlpatterns = [
    path("drf", Orders.as_view()),
    path("machines", ForMachines.as_view()),
    path("view", view),
    path("aview", aview),
    path("high-risk", high_risk),
]
