"""The core's store protocols on Django's database."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import Error, connections, router, transaction

from .core.keys import KeyRecord, StoreError
from .models import IssuerRecord, issuer_key

__all__ = ["DatabaseKeyStore", "closing_connections"]


def closing_connections(work: Callable[[], None]) -> None:
    """Run ``work`` in a thread of its own and close the connections it opened.

    A thread of its own has connections of its own: what it reads and writes is never
    part of a request's transaction. Where threads cannot be started, ``work`` runs
    here, and the connections stay the request's.
    """

    def run() -> None:
        try:
            work()
        finally:
            connections.close_all()

    try:
        threading.Thread(target=run, name="django_oidc_rs.keys", daemon=True).start()
    except RuntimeError:
        # No threads here: the interpreter is going down, or the server forbids them.
        work()


# What a database, its driver or the lack of either raises.
_FAILURES = (Error, ImproperlyConfigured)


class DatabaseKeyStore:
    """``KeyStore`` on the ``IssuerRecord`` table: one row per issuer."""

    def load(self, issuer: str) -> KeyRecord | None:
        """Return the stored record, or None; one read by primary key.

        Raises:
            StoreError: the database cannot be reached, or lacks the table.
        """
        alias = router.db_for_write(IssuerRecord)
        try:
            row = IssuerRecord.objects.using(alias).get(key=issuer_key(issuer))
        except IssuerRecord.DoesNotExist:
            return None
        except _FAILURES as error:
            raise StoreError(type(error).__name__) from error
        return KeyRecord(
            issuer=row.issuer,
            jwks=row.jwks,
            jwks_uri=row.jwks_uri,
            fetched_at=_seconds(row.fetched_at),
            lifetime=row.lifetime,
            etag=row.etag,
            last_modified=row.last_modified,
            metadata_fetched_at=row.metadata_fetched_at,
            metadata_public=row.metadata_public,
            version=row.version,
        )

    def publish(self, record: KeyRecord, *, replacing: int) -> KeyRecord | None:
        """Store ``record`` by compare-and-set on the version; see ``KeyStore``.

        Raises:
            StoreError: the database cannot be written.
        """
        published = replace(record, version=replacing + 1)
        values = {
            "issuer": published.issuer,
            "jwks": published.jwks,
            "jwks_uri": published.jwks_uri,
            "digest": published.digest,
            "fetched_at": _instant(published.fetched_at),
            "lifetime": published.lifetime,
            "etag": published.etag,
            "last_modified": published.last_modified,
            "metadata_fetched_at": published.metadata_fetched_at,
            "metadata_public": published.metadata_public,
            "version": published.version,
        }
        alias = router.db_for_write(IssuerRecord)
        rows = IssuerRecord.objects.using(alias)
        key = issuer_key(record.issuer)
        try:
            with transaction.atomic(using=alias):
                if replacing:
                    done = rows.filter(key=key, version=replacing).update(**values)
                else:
                    _, done = rows.get_or_create(key=key, defaults=values)
        except _FAILURES as error:
            raise StoreError(type(error).__name__) from error
        return published if done else None


def _instant(seconds: float) -> datetime:
    """Return what a ``DateTimeField`` takes: in UTC, also where ``USE_TZ`` is off.

    Local times occur twice when summer ends.
    """
    instant = datetime.fromtimestamp(seconds, UTC)
    return instant if settings.USE_TZ else instant.replace(tzinfo=None)


def _seconds(instant: datetime) -> float:
    return (instant if instant.tzinfo else instant.replace(tzinfo=UTC)).timestamp()
