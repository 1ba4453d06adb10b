"""django-oidc-rs, nothing but the token: no query."""

from ._ours import ALGORITHMS, APPS, AUTHENTICATION, TOKEN_ONLY, settings

__all__ = ["ALGORITHMS", "APPS", "AUTHENTICATION"]
TITLE = "django-oidc-rs, token only"
MIDDLEWARE = []


def configure(lane):
    """Return the settings."""
    return settings(lane, USERS=TOKEN_ONLY)
