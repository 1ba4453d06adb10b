"""No authentication at all: what everything is measured above."""

from . import ALL

TITLE = "bare view"
APPS = []
MIDDLEWARE = []
AUTHENTICATION = None
ALGORITHMS = ALL


def configure(lane):
    """Return the settings."""
    return {}
