"""Settings of the API."""

from __future__ import annotations

import os
from pathlib import Path

from django.core.management.utils import get_random_secret_key

BASE_DIR = Path(__file__).resolve().parent.parent
STATE_DIR = Path(os.environ.get("EXAMPLE_STATE", BASE_DIR / "state"))

# No sessions and no forms here, so nothing outlives the process that this key signs.
SECRET_KEY = os.environ.get("SECRET_KEY") or get_random_secret_key()
DEBUG = False
ALLOWED_HOSTS = ["127.0.0.1", "localhost"]

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "orders",
]
INSTALLED_APPS += ["rest_framework", "django_oidc_rs", "drf_spectacular"]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.common.CommonMiddleware",
]
ROOT_URLCONF = "api.urls"
WSGI_APPLICATION = "api.wsgi.application"
ASGI_APPLICATION = "api.asgi.application"
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": STATE_DIR / "api.sqlite3",
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
TIME_ZONE = "UTC"

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "django_oidc_rs.rest_framework.AccessTokenAuthentication"
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Orders",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "django_oidc_rs.rest_framework.schema.describe_refusals",
        "api.openapi.describe_rest_framework",
    ],
}

OIDC_RS = {
    "AUDIENCE": os.environ.get("EXAMPLE_AUDIENCE", "https://orders.example/"),
    "ISSUERS": {
        "default": {
            "ISSUER": os.environ.get("EXAMPLE_ISSUER", "http://127.0.0.1:9000"),
            # One machine, one clock: so that the page need not wait 30 seconds for 401.
            "LEEWAY": 5,
            # JWTs are checked here, opaque tokens at the issuer; and so is every token
            # where a view says so.
            "VALIDATION": "auto",
            "INTROSPECTION": {
                "CLIENT_ID": "orders-api",
                "CLIENT_SECRET": os.environ.get(
                    "EXAMPLE_API_SECRET", "orders-api-secret"
                ),
                "CACHE_SECONDS": 60,
            },
        }
    },
}
PAGE_CLIENT_ID = "orders-page"

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"console": {"class": "logging.StreamHandler"}},
    "root": {"handlers": ["console"], "level": "INFO"},
}
