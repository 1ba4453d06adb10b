"""What error pages and mails to ADMINS leave out: tokens, proofs, certificates, claims.

Django masks settings and headers by name, and shows local variables. This filter stands
on requests whose credentials were looked at, above whatever filter the project chose.
"""

from __future__ import annotations

import re
from collections.abc import ItemsView
from types import FrameType
from typing import Any

from django.http import HttpRequest
from django.views.debug import (
    SafeExceptionReporterFilter,
    get_default_exception_reporter_filter,
)

from .core.access_token import AccessToken
from .core.strict_json import FrozenDict

__all__ = ["hide_credentials"]

# Django's own pattern knows AUTH, TOKEN, KEY and SECRET.
_MORE = "DPOP|CLIENT_CERT|SSL_CLIENT|PROXIES"
_NAMES = re.compile("token|jwt|proof|claims|authorization|credentials", re.IGNORECASE)
_SHORT = 8


class _Hiding(SafeExceptionReporterFilter):
    """Mixed into the project's filter: DEBUG or not, and whatever the names."""

    def get_traceback_frame_variables(
        self, request: HttpRequest, tb_frame: FrameType
    ) -> ItemsView[str, Any]:
        variables = super().get_traceback_frame_variables(request, tb_frame)
        raw = re.split(r"[ .]", request.META.get("HTTP_AUTHORIZATION", ""))
        parts = [part for part in raw if len(part) > _SHORT]
        return {
            name: self.cleansed_substitute if _tells(name, value, parts) else value
            for name, value in variables
        }.items()


def _tells(name: str, value: object, parts: list[str]) -> bool:
    if isinstance(value, AccessToken):
        # Its own repr leaves out what the claims say.
        return False
    if isinstance(value, FrozenDict) or _NAMES.search(name):
        return True
    return isinstance(value, str) and any(part in value for part in parts)


_filters: dict[type[SafeExceptionReporterFilter], SafeExceptionReporterFilter] = {}


def _above(chosen: type[SafeExceptionReporterFilter]) -> SafeExceptionReporterFilter:
    """Return a filter that hides what ours hides and what ``chosen`` does."""
    pattern = f"{chosen.hidden_settings.pattern}|{_MORE}"
    hidden = re.compile(pattern, re.IGNORECASE)
    bases = (_Hiding, chosen)
    made: SafeExceptionReporterFilter = type(
        chosen.__name__, bases, {"hidden_settings": hidden}
    )()
    _filters[chosen] = made
    return made


def hide_credentials(request: HttpRequest) -> None:
    """Let reports on ``request`` leave out what it carries."""
    chosen = type(get_default_exception_reporter_filter())
    ours = _filters.get(chosen) or _above(chosen)
    vars(request).setdefault("exception_reporter_filter", ours)
