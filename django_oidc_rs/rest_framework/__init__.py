"""Django REST framework: one authentication class and permissions that say why."""

from .authentication import AccessTokenAuthentication, IntrospectionAuthentication
from .permissions import (
    AccessTokenPermission,
    FromIssuer,
    HasAllScopes,
    HasAnyScope,
    HasClaim,
    HasScope,
    Introspected,
    IsMachine,
    IsUser,
    TokenHasScope,
)

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
