"""Django REST framework: one authentication class and permissions that say why."""

from .authentication import AccessTokenAuthentication
from .permissions import (
    AccessTokenPermission,
    FromIssuer,
    HasAllScopes,
    HasAnyScope,
    HasClaim,
    HasScope,
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
    "IsMachine",
    "IsUser",
    "TokenHasScope",
]
