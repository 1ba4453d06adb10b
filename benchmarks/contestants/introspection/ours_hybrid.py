"""django-oidc-rs: JWTs, checked here for a read and at the server for a write."""

from . import guarded_view as read_and_write
from ._ours import ALGORITHMS, APPS, AUTHENTICATION, MIDDLEWARE, settings

__all__ = ["ALGORITHMS", "APPS", "AUTHENTICATION", "MIDDLEWARE"]
TITLE = "django-oidc-rs, hybrid: JWTs, POST live"
JWT = True


def configure(lane):
    """Return the settings."""
    return settings(lane, "auto", 0)


def guarded_view(view):
    """Return the view all have, with one line more."""

    class Hybrid(read_and_write(view)):
        introspect = ["POST"]

    return Hybrid
