"""pytest fixtures; registered by the package, so that importing must cost nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from ..core.access_token import AccessToken
    from .issuer import FakeIssuer

__all__ = ["access_token", "fake_issuer"]


@pytest.fixture
def access_token() -> Callable[..., AccessToken]:
    """Return the function that makes verified ``AccessToken`` objects."""
    from .force import access_token

    return access_token


@pytest.fixture
def fake_issuer() -> Iterator[FakeIssuer]:
    """Return the first issuer of ``OIDC_RS``, played by a ``FakeIssuer``.

    ``fake_issuer.access_token("alice", ["orders:read"])`` is a raw token that the
    project's settings accept. No network, no thread, no query for keys.
    """
    from .issuer import FakeIssuer, install

    issuer = FakeIssuer()
    with install(issuer):
        yield issuer
