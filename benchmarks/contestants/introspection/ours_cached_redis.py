"""django-oidc-rs: an answer serves 30 seconds, in all processes."""

from .. import Skip
from . import guarded_view
from ._ours import ALGORITHMS, APPS, AUTHENTICATION, MIDDLEWARE, settings

__all__ = ["ALGORITHMS", "APPS", "AUTHENTICATION", "MIDDLEWARE", "guarded_view"]
TITLE = "django-oidc-rs, cached 30 s in Redis"


def configure(lane):
    """Return the settings."""
    if not lane.get("redis"):
        raise Skip("no server was named, see --redis")
    cache = {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": lane["redis"],
    }
    return {"CACHES": {"default": cache}, **settings(lane, "introspection", 30)}
