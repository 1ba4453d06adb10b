"""The one decision of plain Django: this request, this demand -> an answer or None.

Decorators, mixins and middleware all ask here, so that they cannot differ.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse

from .core.errors import ResourceServerError
from .core.scopes import ScopeRequirement
from .introspect import asks_issuer
from .outcome import is_token_of
from .request import Authenticated, aauthenticate, authenticate
from .responses import answer, insufficient_scope, no_credentials
from .view_faults import lacking, log_denial, view_of

__all__ = ["Gate"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """What a view demands of its caller.

    Attributes:
        requirement: the scopes; None demands a valid token alone.
        resolve_user: False gives a ``TokenUser`` without touching the database.
        introspect: True, or for which methods the issuer is asked (RFC 7662).
    """

    requirement: ScopeRequirement | None = None
    resolve_user: bool = True
    introspect: bool | frozenset[str] = False

    def check(self, request: HttpRequest) -> HttpResponse | None:
        """Let ``request`` in and return None, or return the answer to send.

        Whoever comes in has ``request.user``, ``request.auser`` and
        ``request.access_token`` set before the view runs.

        Raises:
            TypeError: this is REST framework's request, and its authentication let in
                somebody else, or nobody.
        """
        try:
            authenticated = authenticate(
                _plain(request),
                resolve=self.resolve_user,
                introspect=asks_issuer(self.introspect, request.method),
            )
        except ResourceServerError as error:
            return answer(error)
        return self._decide(request, authenticated)

    async def acheck(self, request: HttpRequest) -> HttpResponse | None:
        """Do as ``check``, without blocking the event loop."""
        try:
            authenticated = await aauthenticate(
                _plain(request),
                resolve=self.resolve_user,
                introspect=asks_issuer(self.introspect, request.method),
            )
        except ResourceServerError as error:
            return answer(error)
        return self._decide(request, authenticated)

    def _decide(
        self, request: HttpRequest, authenticated: Authenticated | None
    ) -> HttpResponse | None:
        if authenticated is None:
            return no_credentials(self.requirement)
        requirement, token = self.requirement, authenticated.access_token
        if requirement and not requirement.is_met_by(token):
            why = [lacking(requirement, token)]
            log_denial(view_of(_plain(request)), token, why, requirement.issuers)
            return insufficient_scope(requirement)
        _let_in(request, authenticated)
        return None


def _plain(request: HttpRequest) -> HttpRequest:
    """Return Django's request, out of REST framework's where it is wrapped in one."""
    plain: HttpRequest = getattr(request, "_request", request)
    return plain


def _let_in(request: HttpRequest, authenticated: Authenticated) -> None:
    user, plain = authenticated.user, _plain(request)
    access_token = authenticated.access_token
    if plain is not request:
        wrapped: Any = request
        # Permissions and throttles below @api_view have judged whom REST framework
        # found: with a session beside the token they would be two people.
        judged = getattr(wrapped, "auth", None)
        if not is_token_of(plain, judged):
            raise TypeError(
                "REST framework did not authenticate this access token: put "
                "AccessTokenAuthentication first among the view's authentication "
                "classes, and use permission classes, HasScope say, instead of the "
                "decorators and mixins of plain views"
            )
        wrapped.user = user
        if judged is not access_token:
            # The issuer was asked since, and may grant less than what they judged.
            wrapped.auth = access_token
            wrapped.parser_context["view"].check_permissions(wrapped)

    async def auser() -> Any:
        return user

    vars(plain).update(user=user, auser=auser, access_token=access_token)
