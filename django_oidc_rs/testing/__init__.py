"""For the tests of projects that use this package; nothing else imports it.

Names are imported on first use: pytest loads the plugin beside this file before
Django is set up.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .force import access_token, force_access_token, unforce_access_token
    from .issuer import FakeClock, FakeIssuer, install
    from .signing import SigningKey

__all__ = [
    "FakeClock",
    "FakeIssuer",
    "SigningKey",
    "access_token",
    "force_access_token",
    "install",
    "unforce_access_token",
]

_MODULES = {
    "FakeClock": "issuer",
    "FakeIssuer": "issuer",
    "SigningKey": "signing",
    "access_token": "force",
    "force_access_token": "force",
    "install": "issuer",
    "unforce_access_token": "force",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
