"""System checks: every problem with the settings, and with what surrounds them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import django
from django.apps import AppConfig, apps
from django.conf import settings
from django.core import checks
from django.urls import NoReverseMatch, reverse

from .conf import parse
from .middleware import is_covered
from .settings_reader import Problem

__all__ = [
    "check_authentication_classes",
    "check_deployment",
    "check_environment",
    "check_middleware",
    "check_settings",
]

_REQUIRED = "django_oidc_rs.middleware.AccessTokenRequiredMiddleware"
_CSRF = "django.middleware.csrf.CsrfViewMiddleware"
_CORS = ("corsheaders.middleware.CorsMiddleware",)
_OURS = "django_oidc_rs.rest_framework."

_AppConfigs = Sequence[AppConfig] | None


def _message(problem: Problem) -> checks.CheckMessage:
    kind = checks.Error if problem.is_error else checks.Warning
    return kind(problem.message, hint=problem.hint, id=f"django_oidc_rs.{problem.id}")


def _problems() -> list[Problem]:
    if not hasattr(settings, "OIDC_RS"):
        return [
            Problem(
                id="E001",
                message="The setting OIDC_RS is missing.",
                hint='Name an audience and an issuer: OIDC_RS = {"AUDIENCE": ..., '
                '"ISSUERS": {"default": {"ISSUER": ...}}}.',
            )
        ]
    return parse(settings.OIDC_RS)[1]


@checks.register(checks.Tags.security)
def check_settings(
    app_configs: _AppConfigs, **_kwargs: Any
) -> list[checks.CheckMessage]:
    """List every problem with ``OIDC_RS``, at once."""
    del app_configs
    return [_message(problem) for problem in _problems() if not problem.deploy]


@checks.register(checks.Tags.security, deploy=True)
def check_deployment(
    app_configs: _AppConfigs, **_kwargs: Any
) -> list[checks.CheckMessage]:
    """Give the advice that matters in production only."""
    del app_configs
    return [_message(problem) for problem in _problems() if problem.deploy]


@checks.register(checks.Tags.security)
def check_authentication_classes(
    app_configs: _AppConfigs, **_kwargs: Any
) -> list[checks.CheckMessage]:
    """Demand that our authentication class stands first, where it stands at all."""
    del app_configs
    configured = getattr(settings, "REST_FRAMEWORK", {}) or {}
    classes = [
        name if isinstance(name, str) else f"{name.__module__}.{name.__qualname__}"
        for name in configured.get("DEFAULT_AUTHENTICATION_CLASSES", ())
    ]
    ours = [name.startswith(_OURS) for name in classes]
    if not any(ours) or ours[0]:
        return []
    return [
        checks.Error(
            f"{classes[0]} stands before AccessTokenAuthentication in "
            'REST_FRAMEWORK["DEFAULT_AUTHENTICATION_CLASSES"].',
            hint="Put AccessTokenAuthentication first: otherwise a live session wins "
            "over a bad token, and 401 loses its challenge.",
            id="django_oidc_rs.E021",
        )
    ]


@checks.register(checks.Tags.security)
def check_middleware(
    app_configs: _AppConfigs, **_kwargs: Any
) -> list[checks.CheckMessage]:
    """Check what stands above and below ``AccessTokenRequiredMiddleware``."""
    del app_configs
    order = list(settings.MIDDLEWARE)
    if _REQUIRED not in order:
        return []
    messages: list[checks.CheckMessage] = []
    place = order.index(_REQUIRED)
    if _CSRF in order[:place]:
        messages.append(
            checks.Error(
                f"{_REQUIRED} stands below {_CSRF}.",
                hint="Move it above: requests with a token carry no CSRF cookie, and "
                "would be refused before the token is looked at.",
                id="django_oidc_rs.E022",
            )
        )
    if any(name in order[place:] for name in _CORS):
        messages.append(
            checks.Error(
                f"{_REQUIRED} stands above the CORS middleware.",
                hint="Move it below: preflights carry no token and must be answered "
                "before one is demanded.",
                id="django_oidc_rs.E023",
            )
        )
    if hasattr(settings, "OIDC_RS") and _covers_admin():
        messages.append(
            checks.Warning(
                "The admin lies under REQUIRED_PATHS: browsers that sign in there send "
                "no access token and cannot reach it.",
                hint='Narrow OIDC_RS["REQUIRED_PATHS"], to ["/api/"] say.',
                id="django_oidc_rs.W004",
            )
        )
    return messages


def _covers_admin() -> bool:
    try:
        admin = reverse("admin:index")
    except NoReverseMatch:
        return False
    return is_covered(admin, parse(settings.OIDC_RS)[0].required_paths)


@checks.register(checks.Tags.compatibility)
def check_environment(
    app_configs: _AppConfigs, **_kwargs: Any
) -> list[checks.CheckMessage]:
    """Demand what the package stands on."""
    del app_configs
    messages: list[checks.CheckMessage] = []
    if django.VERSION < (5, 2, 15) or (6, 0) <= django.VERSION < (6, 0, 6):
        messages.append(
            checks.Error(
                f"Django {django.get_version()} lets cache_page hand one caller's "
                "answer to another.",
                hint="Upgrade to 5.2.15, 6.0.6 or later.",
                id="django_oidc_rs.E024",
            )
        )
    if not apps.is_installed("django.contrib.auth"):
        messages.append(
            checks.Error(
                "django.contrib.auth is not installed.",
                hint='Add "django.contrib.auth" and "django.contrib.contenttypes" to '
                "INSTALLED_APPS.",
                id="django_oidc_rs.E025",
            )
        )
    return messages
