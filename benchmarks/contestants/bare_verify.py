"""One bare signature check in the view, and nothing else: the unit V of the goals.

It answers what it must, yet believes any claims: never a thing to use.
"""

from cryptography.exceptions import InvalidSignature
from django.conf import settings

from . import ALL, _verify

TITLE = "bare verify in the view (V)"
APPS = []
MIDDLEWARE = []
AUTHENTICATION = None
ALGORITHMS = ALL


def configure(lane):
    """Return the settings."""
    checks = {f"Bearer {one}": _verify.ready_made(lane, one) for one in lane["tokens"]}
    return {"VERIFIERS": checks}


def guarded_view(view):
    """Return the view that verifies."""
    from rest_framework.exceptions import PermissionDenied

    checks = settings.VERIFIERS

    class Verifying(view):
        def get(self, request):
            check = checks.get(request._request.META.get("HTTP_AUTHORIZATION"))
            try:
                if check is None:
                    raise InvalidSignature
                check()
            except InvalidSignature:
                raise PermissionDenied from None
            return super().get(request)

    return Verifying
