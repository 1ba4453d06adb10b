"""What the app stores: the keys of issuers, and who is who."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar

from django.apps import apps
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import models
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from django.contrib.auth.base_user import AbstractBaseUser
    from django.db.models.deletion import Collector

__all__ = [
    "FederatedIdentity",
    "FederatedIdentityManager",
    "IssuerRecord",
    "RefreshState",
    "client_key",
    "identity_key",
    "issuer_key",
    "visible",
]


if not apps.is_installed("django_oidc_rs"):
    # Whatever of this package a project imports, this is where it ends then.
    raise ImproperlyConfigured(
        'django_oidc_rs is imported, but not installed as an app. Add "django_oidc_rs" '
        "to INSTALLED_APPS and run manage.py migrate."
    )


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def issuer_key(issuer: str) -> str:
    """Return the primary key of an issuer's record: SHA-256 in hex."""
    return _digest(issuer)


# Whoever calls once calls again.
@lru_cache(maxsize=1024)
def identity_key(issuer: str, subject: str) -> str:
    """Return the key of the pair (issuer, subject): SHA-256 in hex.

    Databases compare text by collations that merge case, accents or trailing blanks;
    subjects that differ in a single byte are different people.
    """
    return _digest(issuer, subject)


def client_key(issuer: str, client_id: str) -> str:
    """Return the key of a client of an issuer; never equal to an identity's.

    Control characters cannot stand in a subject, so the empty middle part is free.
    """
    return _digest(issuer, "", client_id)


class IssuerRecord(models.Model):
    """One issuer's JWK Set as last fetched: what serves while the issuer is down."""

    key = models.CharField(max_length=64, primary_key=True, editable=False)
    issuer = models.TextField(_("issuer"))
    jwks = models.TextField(_("JWK Set"))
    jwks_uri = models.TextField(_("JWK Set address"))
    digest = models.CharField(_("digest"), max_length=64)
    version = models.PositiveBigIntegerField(_("version"))
    fetched_at = models.DateTimeField(_("fetched at"))
    lifetime = models.FloatField(_("lifetime in seconds"))
    etag = models.TextField(blank=True)
    last_modified = models.TextField(blank=True)
    metadata_url = models.TextField(blank=True, default="")
    metadata_fetched_at = models.FloatField(default=0)
    metadata_public = models.BooleanField(default=True)
    # By the database's clock, unlike fetched_at: hosts' clocks differ.
    stored_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        verbose_name = _("issuer")
        verbose_name_plural = _("issuers")

    def __str__(self) -> str:
        """Return the issuer identifier."""
        return self.issuer


class RefreshState(models.Model):
    """What all processes agree on before one of them fetches an issuer's keys.

    Beside ``IssuerRecord``, not in it: a state may be written while nothing is stored.
    """

    key = models.CharField(max_length=64, primary_key=True, editable=False)
    state = models.TextField(default="")
    version = models.PositiveBigIntegerField(default=0)

    def __str__(self) -> str:
        """Return the state."""
        return self.state


def forget_subject(
    collector: Collector,
    field: models.ForeignKey[object, object],
    sub_objs: Any,
    using: str,  # noqa: ARG001 -- Django's signature of on_delete
) -> None:
    """``on_delete``: keep the row, without its user and without its subject.

    The row makes a deleted user stay deleted; the subject is personal data that
    nobody needs for that.
    """
    collector.add_field_update(field, None, sub_objs)
    collector.add_field_update(
        FederatedIdentity._meta.get_field("subject"), "", sub_objs
    )


def visible(user: Any, using: str | None) -> Any:
    """Return ``user`` if the default manager of its model has it; else None.

    ``using`` is where it was read: a lagging replica may not know the user yet.
    """
    if user is None:
        return None
    manager = type(user)._default_manager
    if type(manager).get_queryset is models.Manager.get_queryset:
        return user
    return manager.using(using).filter(pk=user.pk).first()


class FederatedIdentityManager(models.Manager["FederatedIdentity"]):
    """Look-ups by the pair (issuer, subject)."""

    def of(self, issuer: str, subject: str) -> FederatedIdentity | None:
        """Return the identity with its user in one query, or None."""
        return (
            self.select_related("user")
            .filter(key=identity_key(issuer, subject))
            .first()
        )

    def link(
        self, issuer: str, subject: str, user: AbstractBaseUser
    ) -> FederatedIdentity:
        """Tie ``(issuer, subject)`` to ``user``, whomever it was tied to before.

        For moving an existing user table here, and for giving a deleted user back.
        """
        values: dict[str, Any] = {
            "issuer": issuer,
            "subject": subject,
            "user": user,
            "applied": "",
            "applied_at": None,
        }
        identity, _created = self.update_or_create(
            key=identity_key(issuer, subject), defaults=values
        )
        return identity


class FederatedIdentity(models.Model):
    """Who a pair (issuer, subject) is here. OpenID Connect Core section 5.7.

    ``user`` is null once the user was deleted: its tokens are refused until somebody
    links the pair again.
    """

    key = models.CharField(max_length=64, unique=True, editable=False)
    issuer = models.TextField(_("issuer"))
    subject = models.TextField(_("subject"), blank=True)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("user"),
        null=True,
        on_delete=forget_subject,
        related_name="federated_identities",
    )
    applied = models.CharField(max_length=64, blank=True, editable=False)
    applied_at = models.FloatField(null=True, editable=False)
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)
    # To the hour, see last_use. No index: each of these writes would write it too.
    last_used_at = models.DateTimeField(_("last used at"), null=True, editable=False)

    objects: ClassVar[FederatedIdentityManager] = FederatedIdentityManager()

    class Meta:
        verbose_name = _("federated identity")
        verbose_name_plural = _("federated identities")

    def __repr__(self) -> str:
        """Return what tells rows apart; error pages show it, so no subject."""
        return f"<{type(self).__name__} {self.pk}>"

    def __str__(self) -> str:
        """Return what a person would look for."""
        return f"{self.subject or f'(pair {self.key[:12]})'} @ {self.issuer}"

    def visible_user(self) -> Any:
        """Return the user as the user model's default manager has it, None if hidden.

        Sessions ask that manager too: one that leaves soft-deleted users out keeps them
        out here. A second query, only where the manager overrides ``get_queryset``.
        """
        return visible(self.user, self._state.db)

    def unlink(self) -> bool:
        """Part the pair from its user, as deleting the user would.

        The row stays, without its subject: the pair's tokens are refused until somebody
        links it again. Returns False, and writes nothing, where the pair is not (any
        more) that of the user this row was read with.
        """
        mine = FederatedIdentity.objects.filter(
            pk=self.pk, user__isnull=False, user=self.user_id
        )
        if not mine.update(user=None, subject=""):
            return False
        self.user, self.subject = None, ""
        return True
