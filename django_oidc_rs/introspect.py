"""Which requests of a view have the issuer asked: ``introspect`` of views."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["Introspect", "asks_issuer", "parse_introspect"]

_METHODS = frozenset(
    ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE")
)

Introspect = bool | Iterable[str]
"""True for all requests of a view, or the HTTP methods it is for."""


def parse_introspect(value: Introspect) -> bool | frozenset[str]:
    """Return ``value``, its methods in upper case.

    Raises:
        TypeError: neither True nor False nor a list of methods; a misspelt demand must
            not pass for none.
    """
    if isinstance(value, bool):
        return value
    if isinstance(value, str) or not hasattr(value, "__iter__"):
        raise TypeError(
            "introspect must be True, False or a list of HTTP methods, as in "
            'introspect=["POST"]'
        )
    methods = frozenset(str(each).upper() for each in value)
    if not methods or not methods <= _METHODS:
        raise TypeError(f"introspect must name some of {', '.join(sorted(_METHODS))}")
    return methods | {"GET"} if "HEAD" in methods else methods


def asks_issuer(introspect: bool | frozenset[str], method: str | None) -> bool:  # noqa: FBT001 -- what a view says
    """Whether a request with ``method`` has the issuer asked; HEAD counts as GET."""
    if isinstance(introspect, bool):
        return introspect
    # Views are found by the method in lower case: what overrides it may write "post".
    name = (method or "").upper()
    return ("GET" if name == "HEAD" else name) in introspect
