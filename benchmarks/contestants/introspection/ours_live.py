"""django-oidc-rs: every request asks."""

from . import guarded_view
from ._ours import ALGORITHMS, APPS, AUTHENTICATION, MIDDLEWARE, settings

__all__ = ["ALGORITHMS", "APPS", "AUTHENTICATION", "MIDDLEWARE", "guarded_view"]
TITLE = "django-oidc-rs, live"


def configure(lane):
    """Return the settings."""
    return settings(lane, "introspection", 0)
