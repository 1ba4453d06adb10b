"""django-oauth-toolkit: an answer serves 30 seconds, in the database."""

from . import guarded_view
from ._toolkit import ALGORITHMS, APPS, AUTHENTICATION, MIDDLEWARE, settings

__all__ = ["ALGORITHMS", "APPS", "AUTHENTICATION", "MIDDLEWARE", "guarded_view"]
TITLE = "django-oauth-toolkit, cached 30 s"


def configure(lane):
    """Return the settings."""
    return settings(lane, RESOURCE_SERVER_TOKEN_CACHING_SECONDS=30)
