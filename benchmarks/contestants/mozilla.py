"""mozilla-django-oidc: asks the issuer's userinfo endpoint on every request."""

from . import ALL

TITLE = "mozilla-django-oidc"
APPS = ["mozilla_django_oidc"]
MIDDLEWARE = []
AUTHENTICATION = "mozilla_django_oidc.contrib.drf.OIDCAuthentication"
# The issuer checks the token, over loopback; a real one is farther away.
ALGORITHMS = ALL


def configure(lane):
    """Return the settings."""
    return {
        "OIDC_DRF_AUTH_BACKEND": "mozilla_django_oidc.auth.OIDCAuthenticationBackend",
        "OIDC_OP_TOKEN_ENDPOINT": f"{lane['issuer']}/token",
        "OIDC_OP_USER_ENDPOINT": f"{lane['issuer']}/userinfo",
        "OIDC_OP_JWKS_ENDPOINT": f"{lane['issuer']}/jwks",
        "OIDC_RP_CLIENT_ID": "benchmark",
        "OIDC_RP_CLIENT_SECRET": "secret",
        "OIDC_RP_SIGN_ALGO": "RS256",
    }
