"""django-pyoidc with its cache: an answer serves until the token expires."""

from . import guarded_view
from ._pyoidc import ALGORITHMS, APPS, AUTHENTICATION, MIDDLEWARE, settings

__all__ = ["ALGORITHMS", "APPS", "AUTHENTICATION", "MIDDLEWARE", "guarded_view"]
TITLE = "django-pyoidc, cached until exp"


def configure(lane):
    """Return the settings."""
    return settings(lane, oidc_cache_provider_metadata=True)
