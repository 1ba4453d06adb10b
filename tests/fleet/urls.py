"""One view: whoever has a good token may see it."""

from __future__ import annotations

from django.http import JsonResponse
from django.urls import path

from django_oidc_rs.decorators import access_token_required


@access_token_required(resolve_user=False)
def whoami(request):
    return JsonResponse({"subject": request.access_token.subject})


@access_token_required(resolve_user=False)
def fail(request):
    """Fail after the token was accepted: ATOMIC_REQUESTS undoes the request."""
    raise ArithmeticError


@access_token_required(resolve_user=False)
async def awhoami(request):
    return JsonResponse({"subject": request.access_token.subject})


urlpatterns = [
    path("whoami/", whoami),
    path("fail/", fail),
    path("async/", awhoami),
]
