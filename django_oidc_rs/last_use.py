"""When an identity was last used: known to the hour, without a write per request."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from datetime import timedelta
from time import monotonic, time

from django.db import transaction
from django.utils import timezone

from .identity_lookup import FoundIdentity
from .models import FederatedIdentity

__all__ = ["note_use"]

logger = logging.getLogger("django_oidc_rs.requests")

_HOUR = timedelta(hours=1)
# A database that cannot be written is not asked by every request again.
_PAUSE = 60.0
_not_before = -math.inf


def note_use(
    identity: FederatedIdentity | FoundIdentity,
    *,
    using: Callable[[], str],
    issuer_alias: str,
) -> None:
    """Write that ``identity`` is in use, unless that was written within the hour.

    One conditional UPDATE, after the request's transaction if there is one: then no
    parallel request of the same caller waits for this one's end, and a view that is
    rolled back is no use. Never raises: a token is no worse for a database that is read
    only or locked; such a database is left alone for a minute.

    Args:
        identity: as read for this request; its own value decides.
        using: tells the alias of the database that is written.
        issuer_alias: for the log.
    """
    last = identity.last_used_at
    # A value that lies ahead is a clock's that was wrong: it must not stand for ever.
    if last is not None and abs(time() - last.timestamp()) < _HOUR.total_seconds():
        return
    if monotonic() < _not_before:
        return

    now, alias = timezone.now(), using()

    def write() -> None:
        try:
            FederatedIdentity.objects.using(alias).filter(pk=identity.pk).exclude(
                last_used_at__range=(now - _HOUR, now + _HOUR)
            ).update(last_used_at=now)
        except Exception as error:  # noqa: BLE001 -- see above
            _give_up(error, issuer_alias)

    try:
        transaction.on_commit(write, using=alias)
    except transaction.TransactionManagementError as error:
        # The project manages transactions by hand, and nobody tells when one ends.
        _give_up(error, issuer_alias)


def _give_up(error: Exception, issuer_alias: str) -> None:
    global _not_before  # noqa: PLW0603 -- one per process; a race costs one UPDATE
    _not_before = monotonic() + _PAUSE
    logger.warning(
        "The last use of an identity of issuer %s could not be written (%s). Tokens "
        "are accepted all the same; the next attempt is in %.0f s.",
        issuer_alias,
        type(error).__name__,
        _PAUSE,
        extra={"reason": "last_use_not_written", "issuer_alias": issuer_alias},
    )
