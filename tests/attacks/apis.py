"""The API under attack: one view per handler, saying who it thinks the caller is."""

from __future__ import annotations

from django.http import JsonResponse
from django.urls import path
from rest_framework.response import Response
from rest_framework.views import APIView

from django_oidc_rs.decorators import scope_required
from django_oidc_rs.rest_framework import AccessTokenAuthentication, HasScope
from django_oidc_rs.token_user import TokenUser

__all__ = ["PATHS", "urlpatterns"]

PATHS = {"wsgi": "/drf", "asgi": "/aview"}
"""Handler -> the view that suits it: REST framework's, and a native async one."""


def seen(user):
    return {"name": user.username, "is_row": not isinstance(user, TokenUser)}


class DrfView(APIView):
    authentication_classes = [AccessTokenAuthentication]
    permission_classes = [HasScope("read")]

    def get(self, request):
        return Response(seen(request.user))

    post = get


@scope_required("read")
async def aview(request):
    return JsonResponse(seen(request.user))


urlpatterns = [path("drf", DrfView.as_view()), path("aview", aview)]
