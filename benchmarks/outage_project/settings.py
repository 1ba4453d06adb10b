"""Settings of one contestant's API; the environment says whose."""

import json
import os
from importlib import import_module
from pathlib import Path
from urllib.parse import urlsplit

from . import clock, meter

STATE = Path(os.environ["OUTAGE_STATE"])
ISSUER = os.environ["OUTAGE_ISSUER"]
# First of all: nothing may have seen the real clocks or opened a connection.
CLOCK = clock.install(STATE / "clock")
meter.install(STATE / "connects", port=urlsplit(ISSUER).port or 80)
CONTESTANT = import_module(
    f"benchmarks.outage_contestants.{os.environ['OUTAGE_CONTESTANT']}"
)

SECRET_KEY = "benchmark"
USE_TZ = True
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "benchmarks.outage_project.urls"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
DATABASES = {"default": json.loads(os.environ["OUTAGE_DATABASE"])}
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "rest_framework",
    *CONTESTANT.APPS,
]
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [CONTESTANT.AUTHENTICATION],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "UNAUTHENTICATED_USER": None,
}
OPTIONS = json.loads(os.environ["OUTAGE_OPTIONS"])
globals().update(CONTESTANT.configure(ISSUER, OPTIONS))
