"""TokenUser: a principal that is in no table."""

from __future__ import annotations

from collections.abc import Collection
from functools import cached_property
from typing import ClassVar, Literal

from django.contrib.auth.models import Group, Permission
from django.db.models.manager import EmptyManager

from .core.access_token import AccessToken
from .models import client_key, identity_key

__all__ = ["TokenUser"]


class TokenUser:
    """Stands for the subject of a token, or for a machine, without the database.

    Authenticated and active, never staff nor superuser, without permissions and groups.
    ``pk``, ``id`` and ``username`` are the identity key (the client key for machines):
    stable, and unlike any user name a person could choose. Two with the same key are
    equal.
    """

    is_active: Literal[True] = True
    is_anonymous: Literal[False] = False
    is_authenticated: Literal[True] = True
    is_staff: Literal[False] = False
    is_superuser: Literal[False] = False
    groups: ClassVar[EmptyManager[Group]] = EmptyManager(Group)
    user_permissions: ClassVar[EmptyManager[Permission]] = EmptyManager(Permission)

    def __init__(self, access_token: AccessToken) -> None:
        """Take the verified token; ``access_token`` keeps it."""
        self.access_token = access_token

    @cached_property
    def pk(self) -> str:
        """The identity key, or the client key; made when somebody asks."""
        access_token = self.access_token
        if access_token.is_machine or access_token.subject is None:
            return client_key(access_token.issuer, access_token.client_id or "")
        return identity_key(access_token.issuer, access_token.subject)

    @property
    def id(self) -> str:
        """The same as ``pk``."""
        return self.pk

    @property
    def username(self) -> str:
        """The same as ``pk``."""
        return self.pk

    def __repr__(self) -> str:
        """Return what tells principals apart in a traceback."""
        return f"<{type(self).__name__} {self.pk}>"

    def __str__(self) -> str:
        """Return the user name."""
        return self.username

    def __eq__(self, other: object) -> bool:
        """Whether both stand for the same principal."""
        return isinstance(other, TokenUser) and other.pk == self.pk

    def __hash__(self) -> int:
        """Hash by key."""
        return hash(self.pk)

    def get_username(self) -> str:
        """Return the user name."""
        return self.username

    def get_user_permissions(self, obj: object = None) -> set[str]:
        """Return no permissions."""
        del obj
        return set()

    async def aget_user_permissions(self, obj: object = None) -> set[str]:
        """Return no permissions."""
        return self.get_user_permissions(obj)

    def get_group_permissions(self, obj: object = None) -> set[str]:
        """Return no permissions."""
        del obj
        return set()

    async def aget_group_permissions(self, obj: object = None) -> set[str]:
        """Return no permissions."""
        return self.get_group_permissions(obj)

    def get_all_permissions(self, obj: object = None) -> set[str]:
        """Return no permissions."""
        del obj
        return set()

    async def aget_all_permissions(self, obj: object = None) -> set[str]:
        """Return no permissions."""
        return self.get_all_permissions(obj)

    def has_perm(self, perm: str, obj: object = None) -> bool:
        """Return False: what a machine may do is said by scopes."""
        del perm, obj
        return False

    async def ahas_perm(self, perm: str, obj: object = None) -> bool:
        """Return False."""
        return self.has_perm(perm, obj)

    def has_perms(self, perm_list: Collection[str], obj: object = None) -> bool:
        """Return False, even for no permission at all."""
        del perm_list, obj
        return False

    async def ahas_perms(self, perm_list: Collection[str], obj: object = None) -> bool:
        """Return False, even for no permission at all."""
        return self.has_perms(perm_list, obj)

    def has_module_perms(self, app_label: str) -> bool:
        """Return False."""
        del app_label
        return False

    async def ahas_module_perms(self, app_label: str) -> bool:
        """Return False."""
        return self.has_module_perms(app_label)
