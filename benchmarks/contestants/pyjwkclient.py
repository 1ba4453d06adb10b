"""PyJWT's PyJWKClient in a REST framework class as people paste it, with the user."""

from functools import cache

import jwt
from django.conf import settings
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed

from . import ALL

TITLE = "pasted class around PyJWKClient"
APPS = []
MIDDLEWARE = []
AUTHENTICATION = "benchmarks.contestants.pyjwkclient.BearerAuthentication"
ALGORITHMS = ALL


def configure(lane):
    """Return the settings."""
    return {
        "JWKS_URL": f"{lane['issuer']}/jwks",
        "JWT_ISSUER": lane["issuer"],
        "JWT_AUDIENCE": lane["audience"],
        "JWT_ALGORITHMS": [lane["algorithm"]],
    }


@cache
def jwks_client():
    """Return the process's client."""
    return jwt.PyJWKClient(settings.JWKS_URL)


class BearerAuthentication(BaseAuthentication):
    """Accept the issuer's tokens."""

    def authenticate(self, request):
        """Return the user and the claims."""
        from django.contrib.auth.models import User

        header = get_authorization_header(request).split()
        if len(header) != 2 or header[0].lower() != b"bearer":
            return None
        token = header[1].decode()
        try:
            key = jwks_client().get_signing_key_from_jwt(token)
            claims = jwt.decode(
                token,
                key.key,
                algorithms=settings.JWT_ALGORITHMS,
                audience=settings.JWT_AUDIENCE,
                issuer=settings.JWT_ISSUER,
            )
            user = User.objects.get(username=claims["sub"], is_active=True)
        except (jwt.PyJWTError, User.DoesNotExist) as error:
            raise AuthenticationFailed(str(error)) from error
        return user, claims

    def authenticate_header(self, request):
        """Let refusals be 401."""
        return "Bearer"
