"""What became of a request's credentials, and where that lives on the request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest

from .core.access_token import AccessToken
from .core.errors import ResourceServerError
from .reporting import hide_credentials
from .token_user import TokenUser
from .users import reads_claims

__all__ = [
    "Outcome",
    "have_one_owner",
    "is_token_of",
    "is_user_of",
    "outcome_of",
    "preset",
    "was_asked",
]

_ATTRIBUTE = "_django_oidc_rs"


@dataclass(init=False)
class Outcome:
    """What became of one request's credentials; validated at most once.

    ``live`` tells that the issuer was asked about this very request; ``before`` is the
    access token as it was until then.
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


def outcome_of(request: HttpRequest) -> Outcome:
    # Not a header, not META: nothing a caller sends can reach an attribute.
    outcome = getattr(request, _ATTRIBUTE, None)
    if not isinstance(outcome, Outcome):
        outcome = Outcome()
        setattr(request, _ATTRIBUTE, outcome)
        hide_credentials(request)
    return outcome


def preset(request: HttpRequest, access_token: AccessToken, user: Any) -> None:
    """Decide the outcome of ``request`` beforehand, for tests of projects.

    ``user`` None means: resolve it as ever.
    """
    outcome = Outcome()
    outcome.settle(access_token, live=True)
    outcome.user = user
    setattr(request, _ATTRIBUTE, outcome)


def was_asked(request: HttpRequest) -> bool:
    """Whether the credentials were looked at, so that the answer depends on them."""
    outcome = getattr(request, _ATTRIBUTE, None)
    return isinstance(outcome, Outcome) and outcome.validated


def is_token_of(request: HttpRequest, access_token: object) -> bool:
    """Whether ``access_token`` is that of ``request``, be it from before asking."""
    outcome = getattr(request, _ATTRIBUTE, None)
    return (
        isinstance(outcome, Outcome)
        and isinstance(access_token, AccessToken)
        and (access_token is outcome.access_token or access_token is outcome.before)
    )


def is_user_of(request: HttpRequest, user: Any) -> bool:
    """Whether ``user`` is what the request's access token was resolved to."""
    outcome = getattr(request, _ATTRIBUTE, None)
    if not isinstance(outcome, Outcome) or user is None:
        return False
    if isinstance(user, TokenUser):
        return user.access_token is outcome.access_token
    return user is outcome.user
