"""The view that every contestant guards, and the same view unguarded.

``/bare`` and ``/guarded`` are REST framework's, ``/plain/...`` are Django's own.
"""

from django.http import JsonResponse
from django.urls import path
from django.utils.module_loading import import_string
from rest_framework.permissions import BasePermission
from rest_framework.response import Response
from rest_framework.views import APIView

from .settings import CONTESTANT


class Known(BasePermission):
    """Somebody must have been authenticated, of whatever class."""

    def has_permission(self, request, view):
        """Tell."""
        return request.user is not None


class Bare(APIView):
    """Open to all."""

    def get(self, request):
        """Answer."""
        return Response({"ok": True})


class Guarded(Bare):
    """Open to whom the contestant lets in."""

    if CONTESTANT.AUTHENTICATION:
        authentication_classes = [import_string(CONTESTANT.AUTHENTICATION)]
        permission_classes = [Known]


def plain(request):
    """Answer, as plain Django."""
    return JsonResponse({"ok": True})


async def aplain(request):
    """Answer, from the event loop."""
    return JsonResponse({"ok": True})


_guarded = getattr(CONTESTANT, "guarded_view", lambda default: default)(Guarded)
urlpatterns = [path("bare", Bare.as_view()), path("guarded", _guarded.as_view())]
if "django_oidc_rs" in CONTESTANT.APPS:
    from django_oidc_rs.decorators import access_token_required

    token_only = access_token_required(resolve_user=False)
    urlpatterns += [
        path("plain/sync/bare", plain),
        path("plain/sync/token", token_only(plain)),
        path("plain/sync/user", access_token_required(plain)),
        path("plain/async/bare", aplain),
        path("plain/async/token", token_only(aplain)),
        path("plain/async/user", access_token_required(aplain)),
    ]
