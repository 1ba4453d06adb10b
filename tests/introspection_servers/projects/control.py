"""What a browser would do, or a clock."""

from django.contrib.auth import get_user_model, login
from django.http import HttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

from ..credentials import USER


def log_in(request):
    """Give the caller a session of the one user."""
    user, _ = get_user_model().objects.get_or_create(username=USER)
    login(request, user, backend="django.contrib.auth.backends.ModelBackend")
    return HttpResponse(user.pk)


def control_urls(expire):
    """Return the pages; ``expire(value)`` ends an access token's time."""

    @csrf_exempt
    def expire_page(request):
        expire(request.body.decode())
        return HttpResponse()

    return [path("login", log_in), path("expire", expire_page)]
