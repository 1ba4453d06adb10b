"""One view per way of asking who the caller is."""

from __future__ import annotations

from django.contrib.auth.models import Group
from django.http import JsonResponse
from django.template import RequestContext, Template
from django.urls import path
from rest_framework.permissions import AllowAny, IsAuthenticated
from rest_framework.response import Response
from rest_framework.throttling import UserRateThrottle
from rest_framework.views import APIView

from django_oidc_rs.decorators import access_token_required


def facts(request):
    user = request.user
    return {
        "kind": type(user).__name__,
        "pk": str(user.pk),
        "username": user.get_username(),
        "email": getattr(user, "email", None),
        "staff": user.is_staff,
        "superuser": user.is_superuser,
    }


class WhoAmI(APIView):
    permission_classes = [IsAuthenticated]

    def get(self, request):
        return Response(facts(request))


class Anyone(APIView):
    permission_classes = [AllowAny]

    def get(self, request):
        return Response({})


class Unresolved(WhoAmI):
    resolve_user = False


class Write(APIView):
    """Goes on to write something of its own."""

    def get(self, request):
        Group.objects.create(name=request.query_params["name"])
        return Response(facts(request))


class OnceAMinute(UserRateThrottle):
    rate = "1/min"
    scope = "once"


class Throttled(WhoAmI):
    throttle_classes = [OnceAMinute]


@access_token_required
def plain(request):
    return JsonResponse({})


@access_token_required
async def aplain(request):
    return JsonResponse(facts(request))


@access_token_required
async def auser(request):
    user = await request.auser()
    return JsonResponse({"same": user == request.user, "pk": str(user.pk)})


@access_token_required(resolve_user=False)
def plain_unresolved(request):
    return JsonResponse(facts(request))


@access_token_required
def page(request):
    template = Template(
        "{% if user.is_authenticated %}in{% endif %}"
        "{% if user.is_anonymous %}out{% endif %}"
        "{% if perms.auth %}module{% endif %}"
        "{% if perms.auth.add_user %}permission{% endif %}"
        "{{ user.groups.all|length }}"
    )
    return JsonResponse({"text": template.render(RequestContext(request))})


urlpatterns = [
    path("whoami/", WhoAmI.as_view()),
    path("anyone/", Anyone.as_view()),
    path("unresolved/", Unresolved.as_view()),
    path("write/", Write.as_view()),
    path("throttled/", Throttled.as_view()),
    path("plain/", plain),
    path("aplain/", aplain),
    path("auser/", auser),
    path("plain-unresolved/", plain_unresolved),
    path("page/", page),
]
