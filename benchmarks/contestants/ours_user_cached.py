"""django-oidc-rs, local user, with its cache of verified tokens."""

from ._ours import ALGORITHMS, APPS, AUTHENTICATION, TOKEN_CACHE, settings

__all__ = ["ALGORITHMS", "APPS", "AUTHENTICATION"]
TITLE = "django-oidc-rs, local user, token cache"
MIDDLEWARE = []


def configure(lane):
    """Return the settings."""
    return settings(lane, TOKEN_CACHE=TOKEN_CACHE)
