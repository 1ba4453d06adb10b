"""What REST framework itself may answer, for the API's description."""

from __future__ import annotations

from typing import Any

_REFUSED = {"application/json": {"schema": {"$ref": "#/components/schemas/Refused"}}}
# Django's own page, for an ID that no address of ours can hold.
_PAGE = {"text/html": {"schema": {"type": "string"}}}


def describe_rest_framework(result: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
    """Add 404 where the path names an object, 415 where a body is sent."""
    for path, operations in result["paths"].items():
        for operation in operations.values():
            responses = operation["responses"]
            if "{" in path:
                responses["404"] = {
                    "description": "There is no such order.",
                    "content": {**_REFUSED, **_PAGE},
                }
            if "requestBody" in operation:
                responses["415"] = {
                    "description": "The body is of another media type.",
                    "content": _REFUSED,
                }
    return result
