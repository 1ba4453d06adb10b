"""What REST framework itself may answer, for the API's description."""

from __future__ import annotations

from typing import Any


def describe_rest_framework(result: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
    """Add 404 where the path names an object, 415 where a body is sent."""
    for path, operations in result["paths"].items():
        for operation in operations.values():
            responses = operation["responses"]
            if "{" in path:
                responses["404"] = _answer("There is no such order.")
            if "requestBody" in operation:
                responses["415"] = _answer("The body is of another media type.")
    return result


def _answer(description: str) -> dict[str, Any]:
    refused = {"$ref": "#/components/schemas/Refused"}
    return {
        "description": description,
        "content": {"application/json": {"schema": refused}},
    }
