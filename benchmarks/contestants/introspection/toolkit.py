"""django-oauth-toolkit as it comes: an answer serves ten hours, in the database."""

from . import guarded_view
from ._toolkit import ALGORITHMS, APPS, AUTHENTICATION, MIDDLEWARE, settings

__all__ = ["ALGORITHMS", "APPS", "AUTHENTICATION", "MIDDLEWARE", "guarded_view"]
TITLE = "django-oauth-toolkit, default (10 h)"


def configure(lane):
    """Return the settings."""
    return settings(lane)
