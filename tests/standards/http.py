"""Requests to the views of ``tests.standards.views``, and their challenges."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from tests.http_syntax import Challenge, parse_challenge

from .views import EVERY_VIEW, SCOPES

__all__ = [
    "SCOPE",
    "asks_views",
    "challenge",
    "good",
    "of_views",
    "on_every_view",
    "send",
]

SCOPE = " ".join(SCOPES)

of_views = [pytest.mark.urls("tests.standards.views"), pytest.mark.django_db]
"""Marks of a module that asks the views."""


def asks_views(test: Any) -> Any:
    """Let one test ask the views."""
    for mark in of_views:
        test = mark(test)
    return test


on_every_view = pytest.mark.parametrize("url", EVERY_VIEW)


def good(issuer: Any, **claims: Any) -> str:
    """Return a raw token that opens every view."""
    return str(issuer.access_token("alice", SCOPES, **claims))


def send(
    url: str, authorization: str | None = None, *, method: str = "GET", **extra: Any
) -> Any:
    """Send a request with that value of the Authorization header."""
    headers = extra.pop("headers", {})
    if authorization is not None:
        headers = {**headers, "Authorization": authorization}
    sender: Any = Client()
    return sender.generic(method, url, headers=headers, **extra)


def challenge(response: Any) -> Challenge:
    """Return the one challenge of ``response``, parsed strictly."""
    return parse_challenge(response["WWW-Authenticate"])
