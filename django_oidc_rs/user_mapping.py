"""Claims -> fields and groups of a local user, written only when they change."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.db import models

from .core.access_token import AccessToken
from .user_settings import UserPolicy

__all__ = ["MappedClaims", "map_claims"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MappedClaims:
    """What a token says of its user, as far as the settings ask.

    Attributes:
        fields: user field -> value, cleaned by the field; only claims that are there.
        groups: names of the groups the user should be in.
        governed: names of all groups the table mentions; others are left alone.
    """

    fields: Mapping[str, Any]
    groups: frozenset[str]
    governed: frozenset[str]

    @property
    def digest(self) -> str:
        """SHA-256 of all of it: equal digests need no write."""
        text = json.dumps(
            [sorted(self.fields.items()), sorted(self.groups), sorted(self.governed)],
            default=str,
        )
        return hashlib.sha256(text.encode()).hexdigest()

    def assign(self, user: AbstractBaseUser) -> None:
        """Set the fields on ``user``, without saving."""
        for name, value in self.fields.items():
            setattr(user, name, value)

    def mirror_groups(self, user: Any, *, using: str) -> None:
        """Put ``user`` into the groups and out of the other governed ones."""
        if not self.governed:
            return
        present = frozenset(
            user.groups.using(using)
            .filter(name__in=self.governed)
            .values_list("name", flat=True)
        )
        for name in sorted(self.groups - present):
            group, _created = Group.objects.using(using).get_or_create(name=name)
            user.groups.add(group)
        surplus = present - self.groups
        if surplus:
            user.groups.remove(*Group.objects.using(using).filter(name__in=surplus))


def map_claims(access_token: AccessToken, policy: UserPolicy) -> MappedClaims | None:
    """Return what ``policy`` takes from the token; None where it takes nothing.

    A missing claim leaves its field alone, and so does a value that the field refuses
    or an e-mail address the issuer has not verified. A missing groups claim means no
    groups: issuers leave out empty lists.
    """
    if not policy.fields and policy.groups_claim is None:
        return None
    model = get_user_model()
    fields: dict[str, Any] = {}
    for name, path in policy.fields.items():
        field = model._meta.get_field(name)
        if not isinstance(field, models.Field) or _is_unverified(
            access_token, path, field
        ):
            continue
        value = access_token.claim(path)
        if not isinstance(value, str | int | float) or "\0" in str(value):
            continue
        try:
            fields[name] = field.clean(value, None)
        except ValidationError:
            continue
    return MappedClaims(
        fields=fields,
        groups=_groups(access_token, policy),
        governed=frozenset(policy.groups.values()),
    )


def _is_unverified(
    access_token: AccessToken, path: str, field: models.Field[Any, Any]
) -> bool:
    """Whether this is an e-mail address that the issuer does not vouch for.

    An attacker-chosen address would receive the victim's password resets (A165).
    """
    parent, _dot, last = path.rpartition(".")
    if last != "email" and not isinstance(field, models.EmailField):
        return False
    flags = ("email_verified", f"{parent}.email_verified" if parent else "")
    return any(access_token.claim(flag) not in (None, True) for flag in flags if flag)


def _groups(access_token: AccessToken, policy: UserPolicy) -> frozenset[str]:
    if policy.groups_claim is None:
        return frozenset()
    value = access_token.claim(policy.groups_claim)
    values = value if isinstance(value, tuple) else (value,)
    return frozenset(
        policy.groups[item]
        for item in values
        if isinstance(item, str) and item in policy.groups
    )
