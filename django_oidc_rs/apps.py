"""The app: its name, its checks and nothing that could fail at start-up."""

from __future__ import annotations

from contextlib import suppress
from importlib import import_module

from django.apps import AppConfig, apps
from django.utils.translation import gettext_lazy as _

__all__ = ["DjangoOidcRsConfig"]


class DjangoOidcRsConfig(AppConfig):
    """``django_oidc_rs`` in ``INSTALLED_APPS``."""

    name = "django_oidc_rs"
    verbose_name = _("OIDC resource server")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register the checks, and what OpenTelemetry and drf-spectacular look for."""
        from . import (
            checks,  # noqa: F401 -- registers by being imported
            telemetry,
        )

        telemetry.connect()
        if apps.is_installed("drf_spectacular"):
            # By name: what lies outside rest_framework/ does not import it. Without it
            # drf-spectacular warns of authentication it does not know.
            with suppress(ImportError):
                import_module(".rest_framework.schema", __package__)
