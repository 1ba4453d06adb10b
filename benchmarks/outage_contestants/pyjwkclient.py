"""PyJWT's PyJWKClient in a REST framework class as people paste it.

``lifespan`` is the default, 300 s; so are ``timeout`` and ``cooldown_duration``, 30 s.
"""

from functools import cache

import jwt
from django.conf import settings
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed

APPS = []
AUTHENTICATION = "benchmarks.outage_contestants.pyjwkclient.BearerAuthentication"


def configure(issuer, options):
    """Return the settings."""
    return {"JWKS_URL": f"{issuer}/jwks", "JWT_ISSUER": issuer}


@cache
def jwks_client():
    """Return the process's client."""
    return jwt.PyJWKClient(settings.JWKS_URL)


class TokenUser:
    """The user a token speaks of."""

    is_authenticated = True

    def __init__(self, claims):
        """Keep the subject."""
        self.username = claims["sub"]


class BearerAuthentication(BaseAuthentication):
    """Accept the issuer's tokens."""

    def authenticate(self, request):
        """Return the user and the claims."""
        header = get_authorization_header(request).split()
        if len(header) != 2 or header[0].lower() != b"bearer":
            return None
        token = header[1].decode()
        try:
            key = jwks_client().get_signing_key_from_jwt(token)
            claims = jwt.decode(
                token,
                key.key,
                algorithms=["RS256"],
                audience="https://api.test",
                issuer=settings.JWT_ISSUER,
            )
        except jwt.PyJWTError as error:
            raise AuthenticationFailed(str(error)) from error
        return TokenUser(claims), claims

    def authenticate_header(self, request):
        """Let refusals be 401."""
        return "Bearer"
