"""The library's refusals as OpenAPI response objects. OpenAPI 3.0 section 4.7.17."""

from __future__ import annotations

from typing import Any

from rest_framework.settings import api_settings

from ..core.errors import (
    InsufficientScope,
    InvalidRequest,
    InvalidToken,
    ResourceServerError,
    TemporarilyUnavailable,
)
from ..responses import challenge_for

__all__ = ["COMPONENTS", "answers", "merged", "shared"]

_OURS, _ANY = "AccessTokenRefused", "Refused"
_DETAIL = {"type": "string", "description": "For people; do not parse."}
_CODE = {"type": "string", "description": "For programs."}

COMPONENTS: dict[str, Any] = {
    _OURS: {
        "type": "object",
        "properties": {"detail": _DETAIL, "code": _CODE},
        "required": ["detail", "code"],
    },
    # REST framework's own refusals have no code.
    _ANY: {
        "type": "object",
        "properties": {"detail": _DETAIL, "code": _CODE},
        "required": ["detail"],
    },
}
"""The schemas that ``answers`` refers to."""

_DESCRIPTIONS: tuple[tuple[ResourceServerError, str], ...] = (
    (InvalidRequest(), InvalidRequest.description),
    (InvalidToken(), "There is no access token, or it is invalid."),
    (InsufficientScope(), "The caller may not do this."),
    (TemporarilyUnavailable(retry_after=1), TemporarilyUnavailable.description),
)


def answers(
    *,
    scope: str | None,
    media_types: tuple[str, ...] | None,
    others_authenticate: bool,
    may_be_denied: bool,
    takes_input: bool,
) -> dict[str, dict[str, Any]]:
    """Return status -> response object.

    Args:
        scope: what the challenge of a 403 names.
        media_types: of the bodies; None for those of the default renderers.
        others_authenticate: another class may answer 401, without ``code``.
        may_be_denied: 403 can happen.
        takes_input: 400 may tell of the input as well, in a form of its own.
    """
    if media_types is None:
        renderers: Any = api_settings.DEFAULT_RENDERER_CLASSES
        media_types = tuple(
            each.media_type for each in renderers if each.format != "api"
        )
    described = {}
    for error, description in _DESCRIPTIONS:
        plain = error.status == 403 or (error.status == 401 and others_authenticate)
        schema: dict[str, Any] = _reference(_ANY if plain else _OURS)
        if error.status == 400 and takes_input:
            schema = {"anyOf": [schema, {}]}
        answer = {"description": description, "headers": _headers(error, scope)}
        if _bodies_are_ours():
            body = {"schema": schema, "example": _body(error)}
            answer["content"] = dict.fromkeys(media_types, body)
        described[str(error.status)] = answer
    if not may_be_denied:
        del described["403"]
    return described


def merged(known: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
    """Return ``answer`` as an alternative to the response object ``known``."""
    if "$ref" in known:
        return known
    content = dict(known.get("content", {}))
    for media_type, body in answer.get("content", {}).items():
        schema = content.get(media_type, {}).get("schema")
        if schema is None:
            content[media_type] = body
        else:
            schemas = {"anyOf": [schema, body["schema"]]}
            content[media_type] = {**content[media_type], "schema": schemas}
    # Nothing demands the header of an answer that is not ours.
    headers = {
        name: {**header, "required": False}
        for name, header in answer["headers"].items()
    }
    return {
        **known,
        "headers": {**headers, **known.get("headers", {})},
        **({"content": content} if content else {}),
    }


def shared(
    components: dict[str, Any], status: str, answer: dict[str, Any]
) -> dict[str, Any]:
    """Return a reference to ``answer`` where operations have it alike.

    The first response object of a status goes into ``components``; one that is equal
    refers to it, and what differs stays as it is.
    """
    name = f"{_OURS}{status}"
    if components.setdefault("responses", {}).setdefault(name, answer) != answer:
        return answer
    return {"$ref": f"#/components/responses/{name}"}


def _reference(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


def _headers(error: ResourceServerError, scope: str | None) -> dict[str, Any]:
    if isinstance(error, TemporarilyUnavailable):
        schema = {"type": "integer", "minimum": 0}
        return {"Retry-After": {"schema": schema, "description": "Seconds."}}
    challenge = challenge_for(error, scope if error.status == 403 else None)
    return {
        "WWW-Authenticate": {
            "schema": {"type": "string"},
            "description": "The challenge of RFC 6750 section 3.",
            "required": error.status == 401,
            "example": challenge,
        }
    }


def _body(error: ResourceServerError) -> dict[str, str]:
    code = error.error or "temporarily_unavailable"
    return {"detail": error.description, "code": code}


def _bodies_are_ours() -> bool:
    """Whether no handler of the project's renders the refusals."""
    # REST framework imports authentication classes while it imports its views.
    from rest_framework.views import exception_handler

    return api_settings.EXCEPTION_HANDLER is exception_handler
