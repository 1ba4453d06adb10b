"""Settings of one contestant's API; the file BENCHMARK_LANE names says whose."""

import json
import os
from importlib import import_module
from pathlib import Path

LANE = json.loads(Path(os.environ["BENCHMARK_LANE"]).read_text())
CONTESTANT = import_module(f"benchmarks.contestants.{LANE['contestant']}")

SECRET_KEY = "benchmark-" * 5
USE_TZ = True
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "benchmarks.suite.urls"
WSGI_APPLICATION = "benchmarks.suite.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
MIDDLEWARE = [*CONTESTANT.MIDDLEWARE]
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": LANE["database"],
        # What is measured is no connection being opened. Under ASGI, though, Django
        # advises against persistent ones: requests have threads of their own there.
        "CONN_MAX_AGE": 0 if "BENCHMARK_ASGI" in os.environ else None,
        "OPTIONS": {"timeout": 60},
    }
}
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "rest_framework",
    *CONTESTANT.APPS,
]
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_PERMISSION_CLASSES": [],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "UNAUTHENTICATED_USER": None,
}
# Refusals are part of the proof; nobody reads them.
LOGGING = {"version": 1, "root": {"level": "CRITICAL"}}
globals().update(CONTESTANT.configure(LANE))
