"""djangorestframework-simplejwt, with the user, and the issuer's key pasted."""

from ._simplejwt import ALGORITHMS, APPS, WITH_USER, key, settings

__all__ = ["ALGORITHMS", "APPS"]
TITLE = "simplejwt, with user, pasted key"
MIDDLEWARE = []
AUTHENTICATION = WITH_USER


def configure(lane):
    """Return the settings."""
    return settings(lane, **key(lane))
