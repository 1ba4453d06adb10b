"""Django REST framework: one authentication class and permissions that say why."""

from .authentication import AccessTokenAuthentication, IntrospectionAuthentication
from .permissions import (
    FromIssuer,
    HasAllScopes,
    HasAnyScope,
    HasClaim,
    HasScope,
    IsMachine,
    IsUser,
    TokenHasScope,
)
from .token_permission import AccessTokenPermission, Introspected

__all__ = [
    "AccessTokenAuthentication",
    "AccessTokenPermission",
    "FromIssuer",
    "HasAllScopes",
    "HasAnyScope",
    "HasClaim",
    "HasScope",
    "Introspected",
    "IntrospectionAuthentication",
    "IsMachine",
    "IsUser",
    "TokenHasScope",
]
