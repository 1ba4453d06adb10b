"""What ours have in common."""

from .. import ALL
from . import CLIENT_ID, CLIENT_SECRET

APPS = ["django_oidc_rs"]
MIDDLEWARE = []
AUTHENTICATION = "django_oidc_rs.rest_framework.AccessTokenAuthentication"
ALGORITHMS = ALL


def settings(lane, validation, seconds):
    """Return ``OIDC_RS``: answers are kept for so many seconds."""
    issuer = {
        "ISSUER": lane["issuer"],
        "VALIDATION": validation,
        "INTROSPECTION": {
            "CLIENT_ID": CLIENT_ID,
            "CLIENT_SECRET": CLIENT_SECRET,
            "CACHE_SECONDS": seconds,
        },
    }
    return {"OIDC_RS": {"AUDIENCE": lane["audience"], "ISSUERS": {"default": issuer}}}
