"""A protected view, and a bare one to tell the machine's own hiccups by."""

from django.http import HttpResponse
from django.urls import path
from rest_framework.response import Response
from rest_framework.views import APIView


class Protected(APIView):
    """What the traffic asks for."""

    def get(self, request):
        """Answer 200 to whoever holds a good token."""
        return Response({"ok": True})


def bare(request):
    """Answer 200 to anybody."""
    return HttpResponse("ok")


urlpatterns = [path("", Protected.as_view()), path("bare", bare)]
