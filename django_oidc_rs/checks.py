"""System checks: every problem with the settings, and with what surrounds them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import django
from django.apps import AppConfig, apps
from django.conf import settings
from django.core import checks
from django.urls import NoReverseMatch, get_script_prefix, reverse
from django.utils.module_loading import import_string

from .conf import parse
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
    return parse(getattr(settings, "OIDC_RS", None))[1]


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
    configured = getattr(settings, "REST_FRAMEWORK", None)
    if not isinstance(configured, Mapping):
        return []
    classes = configured.get("DEFAULT_AUTHENTICATION_CLASSES")
    if not isinstance(classes, list | tuple):
        return []
    ours = [_is_ours(each) for each in classes]
    if not any(ours) or ours[0]:
        return []
    return [
        checks.Error(
            f"{_name(classes[0])} stands before AccessTokenAuthentication in "
            'REST_FRAMEWORK["DEFAULT_AUTHENTICATION_CLASSES"].',
            hint="Put AccessTokenAuthentication first: otherwise a live session wins "
            "over the token that was sent, good or bad.",
            id="django_oidc_rs.E021",
        )
    ]


def _name(authentication_class: object) -> str:
    if isinstance(authentication_class, type):
        return f"{authentication_class.__module__}.{authentication_class.__qualname__}"
    return str(authentication_class)


def _is_ours(authentication_class: object) -> bool:
    """Whether this is a class of ours, or a project's subclass of one."""
    found = authentication_class
    if isinstance(found, str):
        try:
            found = import_string(found)
        except (ImportError, ValueError):
            # REST framework says so itself.
            return False
    bases = found.__mro__ if isinstance(found, type) else ()
    return any(_name(base).startswith(_OURS) for base in bases)


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
    if _covers_admin():
        messages.append(
            checks.Warning(
                "The admin lies under REQUIRED_PATHS: an access token of a staff user, "
                "whatever its scopes, opens it and needs no CSRF token to change "
                "things, and browsers that sign in there cannot reach it.",
                hint='Narrow OIDC_RS["REQUIRED_PATHS"], to ["/api/"] say.',
                id="django_oidc_rs.W004",
            )
        )
    return messages


def _covers_admin() -> bool:
    # Not at the top: without django.contrib.auth it cannot be imported, and then the
    # check below must be able to say so.
    from .middleware import is_covered

    try:
        admin = reverse("admin:index")
    except (NoReverseMatch, ValueError):
        # ValueError: some pattern, of whatever view, has no address ("(?i:" say). The
        # site works, and other checks must be able to speak.
        return False
    path = "/" + admin.removeprefix(get_script_prefix())
    return is_covered(path, parse(getattr(settings, "OIDC_RS", None))[0].required_paths)


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
