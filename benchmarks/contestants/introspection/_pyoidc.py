"""What both of django-pyoidc have in common."""

from .. import ALL
from . import CLIENT_ID, CLIENT_SECRET

APPS = ["django.contrib.sessions", "django_pyoidc"]
MIDDLEWARE = []
AUTHENTICATION = "django_pyoidc.drf.authentication.OIDCBearerAuthentication"
ALGORITHMS = ALL


def settings(lane, **more):
    """Return ``DJANGO_PYOIDC``: the provider named ``drf`` is its class's."""
    provider = {
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
        "provider_discovery_uri": lane["issuer"],
        **more,
    }
    return {"DJANGO_PYOIDC": {"drf": provider}}
