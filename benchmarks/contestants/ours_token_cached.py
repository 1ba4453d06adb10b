"""django-oidc-rs, token only, with its cache of verified tokens."""

from ._ours import ALGORITHMS, APPS, AUTHENTICATION, TOKEN_CACHE, TOKEN_ONLY, settings

__all__ = ["ALGORITHMS", "APPS", "AUTHENTICATION"]
TITLE = "django-oidc-rs, token only, token cache"
MIDDLEWARE = []


def configure(lane):
    """Return the settings."""
    return settings(lane, USERS=TOKEN_ONLY, TOKEN_CACHE=TOKEN_CACHE)
