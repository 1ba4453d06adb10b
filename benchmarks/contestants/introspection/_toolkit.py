"""What both of django-oauth-toolkit have in common."""

from .. import ALL
from . import CLIENT_ID, CLIENT_SECRET

APPS = ["oauth2_provider"]
MIDDLEWARE = []
AUTHENTICATION = "oauth2_provider.contrib.rest_framework.OAuth2Authentication"
ALGORITHMS = ALL


def settings(lane, **more):
    """Return ``OAUTH2_PROVIDER``, and a database where two threads can write."""
    provider = {
        "RESOURCE_SERVER_INTROSPECTION_URL": f"{lane['issuer']}/introspect",
        "RESOURCE_SERVER_INTROSPECTION_CREDENTIALS": (CLIENT_ID, CLIENT_SECRET),
        **more,
    }
    database = {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": lane["database"],
        "CONN_MAX_AGE": None,
        # It reads before it writes: SQLite would refuse the second at once.
        "OPTIONS": {"timeout": 60, "transaction_mode": "IMMEDIATE"},
    }
    return {"OAUTH2_PROVIDER": provider, "DATABASES": {"default": database}}
