"""Resolvers: AccessToken -> local user or TokenUser.

Identity is the pair (issuer, subject), never an e-mail address, a user name or the
subject alone. OpenID Connect Core section 5.7.
"""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.db import DataError, IntegrityError, router, transaction
from django.db.models import Q
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from .conf import get_config
from .core.access_token import AccessToken
from .core.errors import UserRejected, excerpt
from .identity_lookup import FoundIdentity, find_identity
from .last_use import note_use
from .models import FederatedIdentity, identity_key
from .signals import identity_created
from .token_user import TokenUser
from .user_mapping import GENERATED, MappedClaims, map_claims
from .user_settings import UserPolicy

__all__ = ["needs_database", "reads_claims", "resolve_user"]

# What saving a user raises where its values are at fault. Some projects validate when
# they save; SQLite's driver lets numbers that are too long overflow.
_REFUSED = (DataError, IntegrityError, OverflowError, ValidationError)


def needs_database(access_token: AccessToken) -> bool:
    """Whether resolving this token's user may touch the database."""
    policy = get_config().users[access_token.issuer_alias]
    return not access_token.is_machine and policy.resolver != "token_user"


def reads_claims(access_token: AccessToken) -> bool:
    """Whether more than the owner of this token decides what its user is."""
    policy = get_config().users[access_token.issuer_alias]
    if access_token.is_machine or policy.resolver == "token_user" or policy.custom:
        return True
    return bool(policy.fields) or policy.groups_claim is not None


def resolve_user(access_token: AccessToken) -> Any:
    """Return the user of ``access_token``, by the ``USERS`` settings of its issuer.

    Machines are a ``TokenUser`` and never a row. With ``local_user`` a known user costs
    one query, and one more an hour (``last_use``); an unknown one is created, if
    ``CREATE`` is on.

    Raises:
        UserRejected: reason ``unknown_user``, ``deleted_user``, ``hidden_user``,
            ``inactive_user`` or ``user_conflict``.
    """
    policy = get_config().users[access_token.issuer_alias]
    if access_token.is_machine or policy.resolver == "token_user":
        return TokenUser(access_token)
    if policy.custom is not None:
        return _active(policy.custom(access_token))
    if not access_token.subject:
        raise UserRejected(reason="unknown_user")
    identity: FederatedIdentity | FoundIdentity | None = _find(access_token)
    if identity is None:
        if policy.resolver == "existing_user" or not policy.create:
            raise UserRejected(reason="unknown_user")
        identity = _create(access_token, policy)
    user = _user_of(identity)
    mapped = map_claims(access_token, policy)
    if mapped is not None and not _apply(mapped, identity, user, access_token):
        # Somebody was quicker, with the same or newer claims or with a deletion: what
        # is in the database now is the truth, not what was read before.
        user = _user_of(_find_on_primary(access_token))
    note_use(identity, using=_primary, issuer_alias=access_token.issuer_alias)
    return user


def _primary() -> str:
    """Return the alias that is written: a replica may not know the latest."""
    return router.db_for_write(get_user_model())


def _find(access_token: AccessToken) -> FoundIdentity | None:
    """Return the identity: one query, and a second where a replica lags behind."""
    using = router.db_for_read(FederatedIdentity)
    key = identity_key(access_token.issuer, access_token.subject or "")
    identity = find_identity(key, using=using)
    if identity is None and using != _primary():
        return _find_on_primary(access_token)
    return identity


def _find_on_primary(access_token: AccessToken) -> FoundIdentity | None:
    key = identity_key(access_token.issuer, access_token.subject or "")
    return find_identity(key, using=_primary())


def _user_of(identity: FederatedIdentity | FoundIdentity | None) -> Any:
    if identity is None or identity.user is None:
        raise UserRejected(reason="deleted_user")
    user = identity.visible_user()
    if user is None:
        raise UserRejected(reason="hidden_user")
    return _active(user)


def _active(user: Any) -> Any:
    if user is None:
        raise UserRejected(reason="unknown_user")
    if not getattr(user, "is_active", False):
        raise UserRejected(reason="inactive_user")
    return user


@sensitive_variables()
def _create(
    access_token: AccessToken, policy: UserPolicy
) -> FederatedIdentity | FoundIdentity:
    """Create a user and its identity, or return what a parallel request created.

    In a savepoint: the losers of a race must be able to go on in their transaction.
    """
    model = get_user_model()
    using = _primary()
    mapped = map_claims(access_token, policy)
    subject = access_token.subject or ""
    user = model(**{model.USERNAME_FIELD: _user_name(access_token)})
    user.set_unusable_password()
    try:
        with transaction.atomic(using=using):
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
                last_used_at=timezone.now(),
            )
            _announce(identity, access_token, using=using)
    except _REFUSED as error:
        existing = _find_on_primary(access_token)
        if existing is not None:
            return existing
        if _has_unmapped_gaps(user, policy):
            raise
        # A unique field belongs to somebody else: never a reason to link (A154).
        raise _conflict(error) from error
    return identity


def _announce(
    identity: FederatedIdentity, access_token: AccessToken, *, using: str
) -> None:
    """Send ``identity_created``, unless the request undoes what it did.

    The next user would get the primary key that receivers were told of.
    """

    def send() -> None:
        identity_created.send_robust(
            sender=FederatedIdentity, identity=identity, access_token=access_token
        )

    transaction.on_commit(send, using=using, robust=True)


def _has_unmapped_gaps(user: Any, policy: UserPolicy) -> bool:
    """Whether a column that must be filled is empty, and no claim was to fill it.

    That is a mistake in the project, and no token's fault: it must be loud.
    """
    return any(
        getattr(user, field.attname) is None
        for field in user._meta.concrete_fields
        if not (field.null or field.primary_key or field.name in policy.fields)
    )


def _user_name(access_token: AccessToken) -> str:
    """Return a stable name; ``map_claims`` lets no claim of another issuer spell it."""
    model = get_user_model()
    field = model._meta.get_field(model.USERNAME_FIELD)
    name = GENERATED + identity_key(access_token.issuer, access_token.subject or "")
    return name[: getattr(field, "max_length", None)]


@sensitive_variables()
def _apply(
    mapped: MappedClaims,
    identity: FederatedIdentity | FoundIdentity,
    user: Any,
    access_token: AccessToken,
) -> bool:
    """Write what changed since the last token, unless this one is older.

    Returns False when the identity was changed meanwhile, so that nothing was written.
    """
    issued_at, digest = access_token.issued_at, mapped.digest
    if digest == identity.applied or _is_older(issued_at, identity.applied_at):
        return True
    using = _primary()
    changes: dict[str, Any] = {"applied": digest}
    not_older = Q()
    if issued_at is not None:
        changes["applied_at"] = issued_at
        not_older = Q(applied_at=None) | Q(applied_at__lte=issued_at)
    try:
        with transaction.atomic(using=using):
            # First, because it locks the row: of parallel requests one at a time goes
            # on, and each asks again whether it is the older one.
            claimed = (
                FederatedIdentity.objects.using(using)
                .filter(not_older, pk=identity.pk, user=user.pk)
                .exclude(applied=digest)
                .update(**changes)
            )
            if not claimed:
                return False
            mapped.assign(user)
            if mapped.fields:
                user.save(using=using, update_fields=list(mapped.fields))
            mapped.mirror_groups(user, using=using)
    except _REFUSED as error:
        raise _conflict(error) from error
    return True


def _is_older(issued_at: float | None, applied_at: float | None) -> bool:
    return issued_at is not None and applied_at is not None and issued_at < applied_at


def _conflict(error: Exception) -> UserRejected:
    if isinstance(error, ValidationError):
        # Its messages quote values.
        detail = ", ".join(sorted(getattr(error, "error_dict", ())))
    else:
        # PostgreSQL quotes the values below its first line.
        detail = str(error).partition("\n")[0]
    return UserRejected(excerpt(detail), reason="user_conflict")
