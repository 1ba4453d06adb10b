"""HttpRequest -> what the core needs, and where the outcome lives on the request."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import suppress
from traceback import clear_frames, walk_tb
from typing import Any, NamedTuple

from asgiref.sync import sync_to_async
from django.db import close_old_connections
from django.http import HttpRequest
from django.views.decorators.debug import sensitive_variables

from .core.access_token import AccessToken
from .core.errors import Pending, ResourceServerError, TemporarilyUnavailable
from .core.resource_server import ResourceServer
from .reporting import hide_credentials
from .signals import token_accepted, token_rejected
from .telemetry import count_token
from .token_user import TokenUser
from .users import needs_database, reads_claims, resolve_user
from .view_faults import log_unconfigured_introspection
from .wiring import get_resource_server

__all__ = [
    "Authenticated",
    "aaccess_token_of",
    "aauthenticate",
    "access_token_of",
    "authenticate",
    "have_one_owner",
    "is_token_of",
    "is_user_of",
    "preset",
    "was_asked",
]

logger = logging.getLogger("django_oidc_rs.requests")

_ATTRIBUTE = "_django_oidc_rs"
_CANNOT_TELL = (
    "Credentials cannot be checked: %s. The answer is 503; manage.py "
    "check_oidc_issuers says what to do."
)
_NOT_SET_UP = (
    "Credentials cannot be checked: %s. The answer is 503: the view demands that this "
    "issuer be asked."
)


class _Outcome:
    """What became of one request's credentials; validated at most once.

    ``live`` tells that the issuer was asked about this very request; ``before`` is the
    access token as it was until then. Made for every request: it has no ``__init__``.
    """

    validated: bool = False
    live: bool = False
    access_token: AccessToken | None = None
    before: AccessToken | None = None
    user: Any = None
    error: ResourceServerError | None = None
    announced: bool = False

    def is_open(self, *, introspect: bool) -> bool:
        """Whether the credentials are still to be validated, this way."""
        if not self.validated:
            return True
        # What was refused, or is not there, need not be asked about.
        here = self.access_token is not None and self.error is None
        return introspect and not self.live and here

    def settle(self, access_token: AccessToken | None, *, live: bool) -> None:
        """Keep what validating gave."""
        before = self.access_token
        if before is not None:
            self.before = before
            if (
                access_token is None
                or not have_one_owner(access_token, before)
                or not _resolve_alike(access_token, before)
            ):
                # Resolved for somebody else, or by claims that hold no more.
                self.user = None
        self.access_token, self.validated, self.live = access_token, True, live


def have_one_owner(one: AccessToken | None, other: AccessToken | None) -> bool:
    """Whether both tokens stand for the same subject and client of one issuer."""
    return _owner(one) == _owner(other)


def _resolve_alike(one: AccessToken, other: AccessToken) -> bool:
    """Whether both tokens of one owner give the same user."""
    return one.claims == other.claims or not reads_claims(one)


def _owner(access_token: AccessToken | None) -> tuple[object, ...]:
    if access_token is None:
        return ()
    return (
        access_token.issuer,
        access_token.subject,
        access_token.client_id,
        access_token.is_machine,
    )


class Authenticated(NamedTuple):
    """A request that was let in: its token and its user."""

    access_token: AccessToken
    user: Any


def _outcome(request: HttpRequest) -> _Outcome:
    # Not a header, not META: nothing a caller sends can reach an attribute.
    outcome = getattr(request, _ATTRIBUTE, None)
    if not isinstance(outcome, _Outcome):
        outcome = _Outcome()
        setattr(request, _ATTRIBUTE, outcome)
        hide_credentials(request)
    return outcome


def preset(request: HttpRequest, access_token: AccessToken, user: Any) -> None:
    """Decide the outcome of ``request`` beforehand, for tests of projects.

    ``user`` None means: resolve it as ever.
    """
    outcome = _Outcome()
    outcome.settle(access_token, live=True)
    outcome.user = user
    setattr(request, _ATTRIBUTE, outcome)


def was_asked(request: HttpRequest) -> bool:
    """Whether the credentials were looked at, so that the answer depends on them."""
    outcome = getattr(request, _ATTRIBUTE, None)
    return isinstance(outcome, _Outcome) and outcome.validated


def is_token_of(request: HttpRequest, access_token: object) -> bool:
    """Whether ``access_token`` is that of ``request``, be it from before asking."""
    outcome = getattr(request, _ATTRIBUTE, None)
    return (
        isinstance(outcome, _Outcome)
        and isinstance(access_token, AccessToken)
        and (access_token is outcome.access_token or access_token is outcome.before)
    )


def is_user_of(request: HttpRequest, user: Any) -> bool:
    """Whether ``user`` is what the request's access token was resolved to."""
    outcome = getattr(request, _ATTRIBUTE, None)
    if not isinstance(outcome, _Outcome) or user is None:
        return False
    if isinstance(user, TokenUser):
        return user.access_token is outcome.access_token
    return user is outcome.user


class _ValidatorsPending(Exception):
    """The project's ``VALIDATORS`` have a say, and may use the ORM or block."""


@sensitive_variables()
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
        _forget_locals(error, outer)
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


def _forget_locals(error: BaseException, outer: BaseException | None) -> None:
    """Clear the frames below: with DEBUG, error pages show what their locals held.

    ``outer`` is what the caller is handling: its frames are the caller's, and clearing
    the frame of a coroutine that waits would end it.
    """
    for each in _chain(error, outer):
        clear_frames(each.__traceback__)


def _forget_our_locals(error: BaseException, outer: BaseException | None) -> None:
    """Clear the frames of this package alone: the project's may explain its fault."""
    for each in _chain(error, outer):
        for frame, _line in walk_tb(each.__traceback__):
            if str(frame.f_globals.get("__package__")).split(".")[0] == __package__:
                # A frame that still runs cannot be cleared.
                with suppress(RuntimeError):
                    frame.clear()


def _chain(
    error: BaseException | None, outer: BaseException | None
) -> Iterator[BaseException]:
    """Yield ``error`` and what led to it, each once, before ``outer``."""
    # Causes may go in a circle: ``raise error from error``.
    seen = {id(outer)}
    while error is not None and id(error) not in seen:
        yield error
        seen.add(id(error))
        error = error.__cause__ or error.__context__


def access_token_of(
    request: HttpRequest, *, introspect: bool = False
) -> AccessToken | None:
    """Return the request's access token, None where it carries no bearer credentials.

    ``introspect`` has the issuer asked, if it was not yet for this request.

    Raises:
        ResourceServerError: the credentials are malformed, bad, or cannot be checked.
    """
    return _access_token(request, _outcome(request), introspect=introspect)


def _access_token(
    request: HttpRequest, outcome: _Outcome, *, introspect: bool
) -> AccessToken | None:
    if outcome.is_open(introspect=introspect):
        try:
            token = _validate(request, wait=True, introspect=introspect)
        except ResourceServerError as error:
            token_rejected.send_robust(**_refuse(request, outcome, error))
        else:
            outcome.settle(token, live=introspect)
    return _settled(outcome)


async def aaccess_token_of(
    request: HttpRequest, *, introspect: bool = False
) -> AccessToken | None:
    """Do as ``access_token_of``; the event loop waits for no key and no issuer."""
    outcome = _outcome(request)
    if outcome.is_open(introspect=introspect):
        try:
            token = await _avalidate(request, introspect=introspect)
        except ResourceServerError as error:
            await token_rejected.asend_robust(**_refuse(request, outcome, error))
        else:
            outcome.settle(token, live=introspect)
    return _settled(outcome)


def _settled(outcome: _Outcome) -> AccessToken | None:
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
    outcome = _outcome(request)
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
        _accept(outcome, access_token)
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
    outcome = _outcome(request)
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
        _accept(outcome, access_token)
        await token_accepted.asend_robust(
            sender=None, request=request, access_token=access_token
        )
    return Authenticated(access_token, user)


def _user(outcome: _Outcome, access_token: AccessToken) -> Any:
    outer = sys.exception()
    if outcome.user is None:
        try:
            outcome.user = resolve_user(access_token)
        except Exception as error:
            _forget_our_locals(error, outer)
            raise
    return outcome.user


def _accept(outcome: _Outcome, access_token: AccessToken) -> None:
    """Count the token, and remember that ``token_accepted`` is sent."""
    outcome.announced = True
    count_token(access_token.issuer_alias)


def _refuse(
    request: HttpRequest, outcome: _Outcome, error: ResourceServerError
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
