"""HttpRequest -> what the core needs, and whom the request stands for."""

from __future__ import annotations

import logging
import sys
from typing import Any, NamedTuple

from asgiref.sync import sync_to_async
from django.db import close_old_connections
from django.http import HttpRequest
from django.views.decorators.debug import sensitive_variables

from .core.access_token import AccessToken
from .core.errors import Pending, ResourceServerError, TemporarilyUnavailable
from .core.resource_server import ResourceServer
from .forgetting import forget_locals, forget_our_locals
from .outcome import Outcome, outcome_of
from .signals import token_accepted, token_rejected
from .telemetry import count_token
from .token_user import TokenUser
from .users import needs_database, resolve_user
from .view_faults import log_unconfigured_introspection
from .wiring import get_resource_server

__all__ = [
    "Authenticated",
    "aaccess_token_of",
    "aauthenticate",
    "access_token_of",
    "authenticate",
]

logger = logging.getLogger("django_oidc_rs.requests")

_CANNOT_TELL = (
    "Credentials cannot be checked: %s. The answer is 503; manage.py "
    "check_oidc_issuers says what to do."
)
_NOT_SET_UP = (
    "Credentials cannot be checked: %s. The answer is 503: the view demands that this "
    "issuer be asked."
)


class Authenticated(NamedTuple):
    """A request that was let in: its token and its user."""

    access_token: AccessToken
    user: Any


class _ValidatorsPending(Exception):
    """The project's ``VALIDATORS`` have a say, and may use the ORM or block."""


def _validate(
    request: HttpRequest, *, wait: bool, introspect: bool
) -> AccessToken | None:
    outer = sys.exception()
    server = get_resource_server()
    try:
        credentials = server.parse(request.META.get("HTTP_AUTHORIZATION"))
        if credentials is None:
            return None
        if not wait and _has_validators(server, credentials.raw_token):
            raise _ValidatorsPending
        return server.validate(credentials.raw_token, wait=wait, introspect=introspect)
    except Exception as error:
        forget_locals(error, outer)
        raise


@sensitive_variables()
def _has_validators(server: ResourceServer, raw_token: str) -> bool:
    """Whether the issuer that judges the token has ``VALIDATORS``."""
    if not any(each.policy.validators for each in server.validators):
        return False
    return bool(server.policy_of(raw_token).validators)


async def _avalidate(request: HttpRequest, *, introspect: bool) -> AccessToken | None:
    try:
        return _validate(request, wait=False, introspect=introspect)
    except Pending:
        validate = sync_to_async(_validate_apart, thread_sensitive=False)
    except _ValidatorsPending:
        # The thread whose database connections are the request's.
        validate = sync_to_async(_validate, thread_sensitive=True)
    return await validate(request, wait=True, introspect=introspect)


def _validate_apart(
    request: HttpRequest, *, wait: bool, introspect: bool
) -> AccessToken | None:
    """Validate in a thread that no request ends.

    Answers may be kept in a database; nobody else closes the thread's connections.
    """
    try:
        return _validate(request, wait=wait, introspect=introspect)
    finally:
        close_old_connections()


def access_token_of(
    request: HttpRequest, *, introspect: bool = False
) -> AccessToken | None:
    """Return the request's access token, None where it carries no bearer credentials.

    ``introspect`` has the issuer asked, if it was not yet for this request.

    Raises:
        ResourceServerError: the credentials are malformed, bad, or cannot be checked.
    """
    return _access_token(request, outcome_of(request), introspect=introspect)


def _access_token(
    request: HttpRequest, outcome: Outcome, *, introspect: bool
) -> AccessToken | None:
    if outcome.is_open(introspect=introspect):
        try:
            token = _validate(request, wait=True, introspect=introspect)
        except ResourceServerError as error:
            token_rejected.send_robust(**_refuse(request, outcome, error))
            raise
        outcome.settle(token, live=introspect)
        return token
    return _settled(outcome)


async def aaccess_token_of(
    request: HttpRequest, *, introspect: bool = False
) -> AccessToken | None:
    """Do as ``access_token_of``; the event loop waits for no key and no issuer."""
    outcome = outcome_of(request)
    if outcome.is_open(introspect=introspect):
        try:
            token = await _avalidate(request, introspect=introspect)
        except ResourceServerError as error:
            await token_rejected.asend_robust(**_refuse(request, outcome, error))
            raise
        outcome.settle(token, live=introspect)
        return token
    return _settled(outcome)


def _settled(outcome: Outcome) -> AccessToken | None:
    if outcome.error is not None:
        raise outcome.error
    return outcome.access_token


def authenticate(
    request: HttpRequest, *, resolve: bool = True, introspect: bool = False
) -> Authenticated | None:
    """Return the request's token and user, None where it carries no credentials.

    ``resolve`` False gives a ``TokenUser`` and leaves the database alone;
    ``introspect`` asks the issuer whether the token is active now.

    Raises:
        ResourceServerError: as ``access_token_of``; ``UserRejected`` besides.
    """
    outcome = outcome_of(request)
    access_token = _access_token(request, outcome, introspect=introspect)
    if access_token is None:
        return None
    if not resolve:
        user: Any = TokenUser(access_token)
    else:
        try:
            user = _user(outcome, access_token)
        except ResourceServerError as error:
            token_rejected.send_robust(**_refuse(request, outcome, error))
            raise
    if not outcome.announced:
        outcome.announced = True
        count_token(access_token.issuer_alias)
        token_accepted.send_robust(
            sender=None, request=request, access_token=access_token
        )
    return Authenticated(access_token, user)


async def aauthenticate(
    request: HttpRequest, *, resolve: bool = True, introspect: bool = False
) -> Authenticated | None:
    """Do as ``authenticate``, with a thread only where something must be waited for."""
    access_token = await aaccess_token_of(request, introspect=introspect)
    if access_token is None:
        return None
    outcome = outcome_of(request)
    if not resolve:
        user: Any = TokenUser(access_token)
    else:
        try:
            if outcome.user is None and needs_database(access_token):
                user = await sync_to_async(_user)(outcome, access_token)
            else:
                user = _user(outcome, access_token)
        except ResourceServerError as error:
            await token_rejected.asend_robust(**_refuse(request, outcome, error))
            raise
    if not outcome.announced:
        outcome.announced = True
        count_token(access_token.issuer_alias)
        await token_accepted.asend_robust(
            sender=None, request=request, access_token=access_token
        )
    return Authenticated(access_token, user)


def _user(outcome: Outcome, access_token: AccessToken) -> Any:
    outer = sys.exception()
    if outcome.user is None:
        try:
            outcome.user = resolve_user(access_token)
        except Exception as error:
            forget_our_locals(error, outer)
            raise
    return outcome.user


def _refuse(
    request: HttpRequest, outcome: Outcome, error: ResourceServerError
) -> dict[str, Any]:
    """Keep and log ``error``; return what ``token_rejected`` is sent with."""
    if outcome.access_token is not None:
        error.issuer_alias = outcome.access_token.issuer_alias
    # Before the signal: a receiver may ask the request for its token.
    outcome.error, outcome.validated = error, True
    level, text = logging.INFO, "Credentials refused: %s"
    if isinstance(error, TemporarilyUnavailable):
        level, text = logging.WARNING, _CANNOT_TELL
        if error.reason == "introspection_not_configured":
            text = _NOT_SET_UP
            log_unconfigured_introspection(request, error.issuer_alias)
    logger.log(
        level,
        text,
        error,
        extra={"reason": error.code, "issuer_alias": error.issuer_alias},
    )
    count_token(error.issuer_alias, refused=error.code)
    return {"sender": None, "request": request, "error": error}
