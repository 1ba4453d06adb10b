"""Send a request through either handler, and say what an answer must look like."""

from __future__ import annotations

import json
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.test import AsyncClient, Client

from tests.http_syntax import directives, list_members, parse_challenge

__all__ = ["asgi", "assert_refusal", "assert_shareable_by_nobody", "both", "wsgi"]

DRF_BODY = {"detail", "code"}
PLAIN_BODY = {"error", "error_description"}


def _headers(token: str | None, headers: dict[str, str] | None) -> dict[str, str]:
    bearer = {} if token is None else {"Authorization": f"Bearer {token}"}
    return {**bearer, **(headers or {})}


def wsgi(
    path: str,
    token: str | None = None,
    *,
    method: str = "GET",
    headers: dict[str, str] | None = None,
    client: Client | None = None,
    **extra: Any,
) -> Any:
    """Send a request through Django's synchronous handler."""
    sender: Any = client or Client()
    return sender.generic(method, path, headers=_headers(token, headers), **extra)


def asgi(
    path: str,
    token: str | None = None,
    *,
    method: str = "GET",
    headers: dict[str, str] | None = None,
    client: Client | None = None,
    **extra: Any,
) -> Any:
    """Send a request through Django's asynchronous handler."""
    sender: Any = AsyncClient(raise_request_exception=True)
    if client is not None:
        sender.cookies = client.cookies
        sender.raise_request_exception = client.raise_request_exception
        sender.handler.enforce_csrf_checks = client.handler.enforce_csrf_checks

    async def send() -> Any:
        return await sender.generic(
            method, path, headers=_headers(token, headers), **extra
        )

    return async_to_sync(send)()


both = pytest.mark.parametrize("send", [wsgi, asgi])


def assert_shareable_by_nobody(response: Any) -> None:
    """No shared cache may hand ``response`` on. RFC 9111 section 3.5."""
    assert "authorization" in list_members(response["Vary"])
    names = directives(response["Cache-Control"])
    assert names & {"private", "no-store"}
    assert not names & {"public", "s-maxage"}


def assert_refusal(
    response: Any,
    status: int,
    *,
    error: str | None = None,
    scope: str | None = None,
    body: set[str] = PLAIN_BODY,
) -> None:
    """``response`` is one of the answers a caller can get, in every respect."""
    assert response.status_code == status
    assert_shareable_by_nobody(response)
    assert not response.cookies
    if status == 503:
        assert "WWW-Authenticate" not in response
        assert int(response["Retry-After"]) >= 1
    else:
        assert "Retry-After" not in response
        expected: dict[str, str] = {"realm": "api"}
        parameters = parse_challenge(response["WWW-Authenticate"]).parameters
        if error is not None:
            assert parameters["error_description"]
            expected["error"] = error
            expected["error_description"] = parameters["error_description"]
        if scope is not None:
            expected["scope"] = scope
        assert parameters == expected
    assert response["Content-Type"] == "application/json"
    if response.content:  # HEAD has none
        assert set(json.loads(response.content)) == body
