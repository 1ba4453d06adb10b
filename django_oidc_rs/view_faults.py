"""What operators learn of 403s, and of faults in views that no system check can see.

Checks run while nobody knows what views demand. Such a fault is logged at ERROR when a
request first meets it, once per process; a 403 at INFO, each time, and at
WARNING where the view names no scope for what it serves.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable

from django.http import HttpRequest

from .conf import get_config, on_change
from .core.access_token import AccessToken
from .core.scopes import ScopeRequirement

__all__ = [
    "lacking",
    "log_denial",
    "log_unasked_authentication",
    "log_unconfigured_introspection",
    "log_unread_scopes",
    "name_of",
    "view_of",
]

logger = logging.getLogger("django_oidc_rs.requests")

_told: set[tuple[str, ...]] = set()
on_change(_told.clear)


def _is_new(*fault: str) -> bool:
    new = fault not in _told
    _told.add(fault)
    return new


def name_of(view: object) -> str:
    """Return the dotted name of a view function, of a class, or of an instance's."""
    view = getattr(view, "view_class", view)
    named = view if hasattr(view, "__name__") else type(view)
    return f"{named.__module__}.{named.__name__}"


def view_of(request: HttpRequest) -> str:
    """Return the dotted name of the view that serves ``request``, "?" if unknown."""
    match = getattr(request, "resolver_match", None)
    return "?" if match is None else name_of(match.func)


def lacking(requirement: ScopeRequirement, access_token: AccessToken) -> str:
    """Say what ``access_token`` lacks; nothing of the token itself is quoted."""
    issuers = requirement.issuers
    if issuers and access_token.issuer_alias not in issuers:
        return f"it is none of issuer {', '.join(sorted(issuers))}"
    return "it lacks " + ", or ".join(
        " ".join(each for each in scopes if each not in access_token.scopes)
        for scopes in requirement.alternatives
    )


def log_denial(
    view: str,
    access_token: AccessToken,
    why: Iterable[str],
    issuers: Iterable[str] = (),
    *,
    is_fault: bool = False,
) -> None:
    """Log a 403, with ``why`` the token was not enough for ``view``.

    ``issuers`` are the aliases the view names: one that is in no setting is a fault.
    ``is_fault`` says that no token would have done: at WARNING, else at INFO.
    """
    known = {policy.alias for policy in get_config().issuers}
    for alias in sorted(set(issuers) - known):
        if _is_new("unknown_issuer_alias", view, alias):
            logger.error(
                "View %s names the issuer %r, which is no alias in ISSUERS; there are: "
                "%s. It refuses tokens with 403.",
                view,
                alias,
                ", ".join(sorted(known)),
                extra={"reason": "unknown_issuer_alias", "issuer_alias": alias},
            )
    logger.log(
        logging.WARNING if is_fault else logging.INFO,
        "Access denied: insufficient_scope: view %s: %s",
        view,
        "; ".join(why),
        extra={
            "reason": "insufficient_scope",
            "issuer_alias": access_token.issuer_alias,
        },
    )


def log_unconfigured_introspection(request: HttpRequest, alias: str | None) -> None:
    """Log that a view has an issuer asked that the settings do not let be asked."""
    view = view_of(request)
    if _is_new("introspection_not_configured", view, str(alias)):
        logger.error(
            'View %s demands that issuer "%s" be asked, and answers 503: set '
            'OIDC_RS["ISSUERS"]["%s"]["INTROSPECTION"], whatever VALIDATION says.',
            view,
            alias,
            alias,
            extra={"reason": "introspection_not_configured", "issuer_alias": alias},
        )


def log_unasked_authentication(view: str, permission: str) -> None:
    """Log that ``permission`` refused a bearer token that our class never looked at."""
    if _is_new("authentication_missing", view):
        logger.error(
            "View %s demands %s, but AccessTokenAuthentication did not look at the "
            "bearer token sent: put it first among the view's authentication_classes.",
            view,
            permission,
            extra={"reason": "authentication_missing", "issuer_alias": None},
        )


def log_unread_scopes(view: str) -> None:
    """Log that a view has ``required_scopes``, and no permission that reads them."""
    if _is_new("required_scopes_unread", view):
        logger.error(
            "View %s has required_scopes, but none of its permissions looks at access "
            "tokens: any token will do. Add TokenHasScope to its permission_classes.",
            view,
            extra={"reason": "required_scopes_unread", "issuer_alias": None},
        )
