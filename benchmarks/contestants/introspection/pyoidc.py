"""django-pyoidc as it comes: every request reads the metadata, and asks."""

from . import guarded_view
from ._pyoidc import ALGORITHMS, APPS, AUTHENTICATION, MIDDLEWARE, settings

__all__ = ["ALGORITHMS", "APPS", "AUTHENTICATION", "MIDDLEWARE", "guarded_view"]
TITLE = "django-pyoidc, default (live)"


def configure(lane):
    """Return the settings."""
    return settings(lane)
