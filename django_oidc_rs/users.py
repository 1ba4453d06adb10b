"""Resolvers: AccessToken -> local user or TokenUser.

Identity is the pair (issuer, subject), never an e-mail address, a user name or the
subject alone. OpenID Connect Core section 5.7.
"""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model
from django.db import IntegrityError, router, transaction

from .conf import get_config
from .core.access_token import AccessToken
from .core.errors import UserRejected
from .models import FederatedIdentity, identity_key
from .signals import identity_created
from .token_user import TokenUser
from .user_mapping import MappedClaims, map_claims
from .user_settings import UserPolicy

__all__ = ["needs_database", "resolve_user"]


def needs_database(access_token: AccessToken) -> bool:
    """Whether resolving this token's user may touch the database."""
    policy = get_config().users[access_token.issuer_alias]
    return not access_token.is_machine and policy.resolver != "token_user"


def resolve_user(access_token: AccessToken) -> Any:
    """Return the user of ``access_token``, by the ``USERS`` settings of its issuer.

    Machines are a ``TokenUser`` and never a row. With ``local_user`` a known user costs
    one query; an unknown one is created, if ``CREATE`` is on.

    Raises:
        UserRejected: reason ``unknown_user``, ``deleted_user``, ``inactive_user`` or
            ``user_conflict``.
    """
    policy = get_config().users[access_token.issuer_alias]
    if access_token.is_machine or policy.resolver == "token_user":
        return TokenUser(access_token)
    if policy.custom is not None:
        return _active(policy.custom(access_token))
    identity = FederatedIdentity.objects.of(
        access_token.issuer, access_token.subject or ""
    )
    if identity is None:
        if policy.resolver == "existing_user" or not policy.create:
            raise UserRejected(reason="unknown_user")
        identity = _create(access_token, policy)
    if identity.user is None:
        raise UserRejected(reason="deleted_user")
    user = _active(identity.user)
    mapped = map_claims(access_token, policy)
    if mapped is not None:
        _apply(mapped, identity, access_token)
    return user


def _active(user: Any) -> Any:
    if user is None:
        raise UserRejected(reason="unknown_user")
    if not getattr(user, "is_active", False):
        raise UserRejected(reason="inactive_user")
    return user


def _create(access_token: AccessToken, policy: UserPolicy) -> FederatedIdentity:
    """Create a user and its identity, or return what a parallel request created.

    In a savepoint: the losers of a race must be able to go on in their transaction.
    """
    model = get_user_model()
    using = router.db_for_write(model)
    mapped = map_claims(access_token, policy)
    subject = access_token.subject or ""
    try:
        with transaction.atomic(using=using):
            user = model(**{model.USERNAME_FIELD: _user_name(access_token)})
            user.set_unusable_password()
            if mapped is not None:
                mapped.assign(user)
            user.save(using=using, force_insert=True)
            if mapped is not None:
                mapped.mirror_groups(user, using=using)
            identity = FederatedIdentity.objects.using(using).create(
                key=identity_key(access_token.issuer, subject),
                issuer=access_token.issuer,
                subject=subject,
                user=user,
                applied="" if mapped is None else mapped.digest,
                applied_at=access_token.issued_at,
            )
    except IntegrityError as error:
        existing = FederatedIdentity.objects.db_manager(using).of(
            access_token.issuer, subject
        )
        if existing is None:
            # A unique field belongs to somebody else: never a reason to link (A154).
            raise UserRejected(reason="user_conflict") from error
        return existing
    identity_created.send_robust(
        sender=FederatedIdentity, identity=identity, access_token=access_token
    )
    return identity


def _user_name(access_token: AccessToken) -> str:
    """Return a stable name that no claim of another issuer could spell."""
    model = get_user_model()
    field = model._meta.get_field(model.USERNAME_FIELD)
    name = "oidc-" + identity_key(access_token.issuer, access_token.subject or "")
    return name[: getattr(field, "max_length", None)]


def _apply(
    mapped: MappedClaims, identity: FederatedIdentity, access_token: AccessToken
) -> None:
    """Write what changed since the last token, unless this one is older."""
    issued_at = access_token.issued_at
    user: Any = identity.user
    digest = mapped.digest
    older = (
        issued_at is not None
        and identity.applied_at is not None
        and issued_at < identity.applied_at
    )
    if digest == identity.applied or older:
        return
    using = router.db_for_write(FederatedIdentity, instance=identity)
    mapped.assign(user)
    try:
        with transaction.atomic(using=using):
            if mapped.fields:
                user.save(using=using, update_fields=list(mapped.fields))
            mapped.mirror_groups(user, using=using)
            identity.applied, identity.applied_at = digest, issued_at
            identity.save(using=using, update_fields=["applied", "applied_at"])
    except IntegrityError as error:
        raise UserRejected(reason="user_conflict") from error
