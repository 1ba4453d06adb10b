"""Claims -> fields and groups of a local user, written only when they change."""

from __future__ import annotations

import datetime
import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.db import models
from django.utils import timezone

from .core.access_token import AccessToken
from .user_settings import UserPolicy

__all__ = ["GENERATED", "MappedClaims", "map_claims"]

GENERATED = "oidc-"
"""What the user names we make begin with, and no mapped one may."""

_DAY = datetime.timedelta(days=1)
# Most databases keep a number of microseconds.
_LONGEST = datetime.timedelta(microseconds=2**63 - 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class MappedClaims:
    """What a token says of its user, as far as the settings ask.

    Attributes:
        fields: user field -> value, cleaned by the field; only claims that are there.
        groups: names of the groups the user should be in.
        governed: names of all groups the table mentions; others are left alone.
    """

    fields: Mapping[str, Any] = field(repr=False)
    groups: frozenset[str] = field(repr=False)
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
        # By primary key: routers may refuse to relate rows of a replica and a primary.
        for name in sorted(self.groups - present):
            group, _created = Group.objects.using(using).get_or_create(name=name)
            user.groups.add(group.pk)
        surplus = Group.objects.using(using).filter(name__in=present - self.groups)
        user.groups.remove(*surplus.values_list("pk", flat=True))


def map_claims(access_token: AccessToken, policy: UserPolicy) -> MappedClaims | None:
    """Return what ``policy`` takes from the token; None where it takes nothing.

    A missing claim leaves its field alone, and so does a value that the field refuses
    or the database cannot hold, an e-mail address the issuer has not verified, or a
    user name like those we make. A missing groups claim means no groups: issuers leave
    out empty lists.
    """
    if not policy.fields and policy.groups_claim is None:
        return None
    model = get_user_model()
    fields: dict[str, Any] = {}
    for name, path in policy.fields.items():
        field: Any = model._meta.get_field(name)
        value = access_token.claim(path)
        if name == model.USERNAME_FIELD and isinstance(value, str):
            # Look-alikes of a taken name must meet it in the unique index (A155).
            value = model.normalize_username(value)
        if _is_unverified(access_token, path, field):
            continue
        cleaned = _cleaned(field, value)
        if name == model.USERNAME_FIELD and _is_generated(cleaned):
            # Would take the name of somebody who has not come yet.
            continue
        if cleaned is not None:
            fields[name] = cleaned
    return MappedClaims(
        fields=fields,
        groups=_groups(access_token, policy),
        governed=frozenset(policy.groups.values()),
    )


def _cleaned(field: models.Field[Any, Any], value: object) -> Any:
    """Return what ``field`` makes of a claim, None where it refuses or alters it."""
    if not isinstance(value, str | int | float) or "\0" in str(value):
        return None
    if isinstance(value, bool) and not isinstance(field, models.BooleanField):
        return None
    try:
        cleaned = _storable(field.clean(value, None))
    except (ArithmeticError, TypeError, ValidationError, ValueError):
        # Some fields parse dates, bytes and huge numbers without a care.
        return None
    if isinstance(cleaned, float) and not math.isfinite(cleaned):
        return None
    if isinstance(value, float) and isinstance(cleaned, int | float | Decimal):
        return cleaned if float(cleaned) == value else None
    return cleaned


def _storable(value: Any) -> Any:
    """Return ``value`` in the form that every database holds and gives back.

    Raises:
        ArithmeticError: none does. PostgreSQL takes moments beyond the year 9999 and
            fails when it reads them, in every query that comes across the row.
    """
    if isinstance(value, datetime.timedelta) and abs(value) > _LONGEST:
        raise OverflowError
    if not isinstance(value, datetime.datetime):
        return value
    zone = timezone.get_default_timezone()
    if timezone.is_naive(value):
        value = timezone.make_aware(value, zone)
    moment = value.astimezone(datetime.UTC)
    # It is read in the time zone of a connection: no farther off than this.
    _ = (moment - _DAY, moment + _DAY)
    return value if settings.USE_TZ else timezone.make_naive(value, zone)


def _is_generated(name: object) -> bool:
    # Some databases compare names without regard to case.
    return isinstance(name, str) and name.casefold().startswith(GENERATED)


def _is_unverified(
    access_token: AccessToken, path: str, field: models.Field[Any, Any]
) -> bool:
    """Whether this is an e-mail address that the issuer does not vouch for.

    Asked are ``email_verified`` of the token, of the object the address stands in, and
    what is named like the address (``https://x.example/email_verified``). An address
    somebody chose would receive another's password resets (A165).
    """
    if not path.endswith("email") and not isinstance(field, models.EmailField):
        return False
    parent = access_token.claim(path.rpartition(".")[0])
    beside = parent if isinstance(parent, dict) else {}
    flags = (
        access_token.claims.get("email_verified", True),
        access_token.claims.get(f"{path}_verified", True),
        beside.get("email_verified", True),
    )
    return any(flag is not True for flag in flags)


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
