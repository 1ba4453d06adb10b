"""What ours have in common."""

from . import ALL

APPS = ["django_oidc_rs"]
AUTHENTICATION = "django_oidc_rs.rest_framework.AccessTokenAuthentication"
ALGORITHMS = ALL
# Refused by versions without one, which skips the contestant.
TOKEN_CACHE = {"SIZE": 1000, "MAX_AGE": 60}
TOKEN_ONLY = {"RESOLVER": "token_user"}


def settings(lane, **more):
    """Return ``OIDC_RS`` for the lane's issuers; one, unless it has more."""
    issuers = {
        f"issuer-{number}": {"ISSUER": issuer}
        for number, issuer in enumerate(lane.get("issuers") or [lane["issuer"]])
    }
    return {"OIDC_RS": {"AUDIENCE": lane["audience"], "ISSUERS": issuers, **more}}
