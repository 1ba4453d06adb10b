"""djangorestframework-simplejwt, with the user, and the issuer's key set."""

from ._simplejwt import ALGORITHMS, APPS, WITH_USER, key_set, settings

__all__ = ["ALGORITHMS", "APPS"]
TITLE = "simplejwt, with user"
MIDDLEWARE = []
AUTHENTICATION = WITH_USER


def configure(lane):
    """Return the settings."""
    return settings(lane, **key_set(lane))
