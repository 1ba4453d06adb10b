"""``python -m benchmarks.suite.versions``: what is installed where it runs, as JSON."""

from __future__ import annotations

import json
import platform
from collections.abc import Iterable
from importlib import metadata

__all__ = ["versions"]

_PACKAGES = (
    "django",
    "djangorestframework",
    "cryptography",
    "pyjwt",
    "requests",
    "djangorestframework-simplejwt",
    "drf-oidc-auth",
    "django-oauth-toolkit",
    "mozilla-django-oidc",
    "axioms-drf-py",
    "django-pyoidc",
    "gunicorn",
    "uvicorn",
)


def versions(packages: Iterable[str] = _PACKAGES) -> dict[str, str]:
    """Return name -> version: Python's, and of those packages that are installed."""
    found = {"Python": platform.python_version()}
    for package in packages:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


if __name__ == "__main__":
    print(json.dumps(versions()))
