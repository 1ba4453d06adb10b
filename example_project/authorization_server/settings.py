"""Settings of the authorization server: django-allauth, JWT or opaque tokens."""

from __future__ import annotations

import os
from pathlib import Path

from django.core.management.utils import get_random_secret_key

from .lifetimes import Lifetime

BASE_DIR = Path(__file__).resolve().parent.parent
STATE_DIR = Path(os.environ.get("EXAMPLE_STATE", BASE_DIR / "state"))
# django-allauth's models ask the database what it can do, even in "manage.py check".
STATE_DIR.mkdir(parents=True, exist_ok=True)

SECRET_KEY = os.environ.get("SECRET_KEY") or get_random_secret_key()
DEBUG = False
ALLOWED_HOSTS = ["127.0.0.1", "localhost"]

INSTALLED_APPS = [
    # First: its templates go before django-allauth's.
    "authorization_server",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "allauth",
    "allauth.account",
    "allauth.idp.oidc",
]
MIDDLEWARE = [
    "authorization_server.cors.PageOriginMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
]
ROOT_URLCONF = "authorization_server.urls"
WSGI_APPLICATION = "authorization_server.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "authorization_server.seeds.context",
            ]
        },
    }
]
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": STATE_DIR / "authorization_server.sqlite3",
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
TIME_ZONE = "UTC"
# Cookies know no ports: these must not replace those of another project on 127.0.0.1.
SESSION_COOKIE_NAME = "authorization_server_session"
CSRF_COOKIE_NAME = "authorization_server_csrf"

AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
ACCOUNT_ADAPTER = "authorization_server.adapters.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_SESSION_REMEMBER = False

IDP_OIDC_ADAPTER = "authorization_server.adapters.OIDCAdapter"
# One format for all clients: "jwt" or "opaque".
IDP_OIDC_ACCESS_TOKEN_FORMAT = os.environ.get("EXAMPLE_TOKEN_FORMAT", "jwt")
IDP_OIDC_ACCESS_TOKEN_EXPIRES_IN = Lifetime(3600)
IDP_OIDC_INTROSPECTION_ENABLED = True
# Or a client may ask about its own tokens only, and the API has none.
IDP_OIDC_INTROSPECTION_CROSS_CLIENT_ALLOWED = True
# By default 30 questions a minute from one address, of all processes of an API.
IDP_OIDC_RATE_LIMITS = {"introspect_ip": "600/m/ip", "introspect_client": "600/m/key"}
# Where the page is served: the one origin whose scripts may ask for tokens.
PAGE_ORIGIN = os.environ.get("EXAMPLE_PAGE_ORIGIN", "http://127.0.0.1:8000")
SIGNING_KEYS_DIR = STATE_DIR / "signing_keys"

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"console": {"class": "logging.StreamHandler"}},
    "root": {"handlers": ["console"], "level": "INFO"},
}
