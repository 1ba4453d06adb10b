"""The least a request with a local user could cost: no check more than a signature.

One verification with the key at hand, one JSON document, four comparisons, and one
query whose SQL is ready. No settings, no key set, no rotation, no refusal worth the
name: a floor to measure against, never a thing to use.
"""

import json
import time

from cryptography.exceptions import InvalidSignature
from django.conf import settings
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed

from . import ALL, _verify

TITLE = "hand-made minimum with user"
APPS = []
MIDDLEWARE = []
AUTHENTICATION = "benchmarks.contestants.minimum.Minimum"
ALGORITHMS = ALL
_FIELDS = ("id", "username", "is_active")
_SQL = f"SELECT {', '.join(_FIELDS)} FROM auth_user WHERE username = %s"


def configure(lane):
    """Return the settings."""
    return {
        "MINIMUM_CHECK": _verify.checker(lane),
        "MINIMUM_CLAIMS": (lane["issuer"], lane["audience"]),
    }


class Minimum(BaseAuthentication):
    """Accept what is signed."""

    def authenticate(self, request):
        """Return the user and the claims."""
        from django.contrib.auth.models import User
        from django.db import connection

        scheme, _, token = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
        if scheme != "Bearer":
            return None
        signed, _, signature = token.rpartition(".")
        try:
            settings.MINIMUM_CHECK(_verify.decode(signature), signed.encode())
        except InvalidSignature:
            raise AuthenticationFailed from None
        claims = json.loads(_verify.decode(signed.partition(".")[2]))
        named = (claims["iss"], claims["aud"])
        if named != settings.MINIMUM_CLAIMS or claims["exp"] < time.time():
            raise AuthenticationFailed
        with connection.cursor() as cursor:
            cursor.execute(_SQL, (claims["sub"],))
            row = cursor.fetchone()
        if row is None or not row[2]:
            raise AuthenticationFailed
        return User.from_db(connection.alias, _FIELDS, row), claims

    def authenticate_header(self, request):
        """Let refusals be 401."""
        return "Bearer"
