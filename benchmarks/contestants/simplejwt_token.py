"""djangorestframework-simplejwt, stateless, with the issuer's key set."""

from ._simplejwt import ALGORITHMS, APPS, STATELESS, key_set, settings

__all__ = ["ALGORITHMS", "APPS"]
TITLE = "simplejwt, stateless"
MIDDLEWARE = []
AUTHENTICATION = STATELESS


def configure(lane):
    """Return the settings."""
    return settings(lane, **key_set(lane))
