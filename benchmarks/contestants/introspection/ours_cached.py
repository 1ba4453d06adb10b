"""django-oidc-rs: an answer serves 30 seconds, in this process."""

from . import guarded_view
from ._ours import ALGORITHMS, APPS, AUTHENTICATION, MIDDLEWARE, settings

__all__ = ["ALGORITHMS", "APPS", "AUTHENTICATION", "MIDDLEWARE", "guarded_view"]
TITLE = "django-oidc-rs, cached 30 s"


def configure(lane):
    """Return the settings."""
    return settings(lane, "introspection", 30)
