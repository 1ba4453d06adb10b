"""django-oidc-rs, with its defaults: a local user for each (issuer, subject)."""

from ._ours import ALGORITHMS, APPS, AUTHENTICATION, settings

__all__ = ["ALGORITHMS", "APPS", "AUTHENTICATION"]
TITLE = "django-oidc-rs, local user"
MIDDLEWARE = []


def configure(lane):
    """Return the settings."""
    return settings(lane)
