"""The core's store protocols on Django's database."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, TypeVar

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import DataError, Error, connections, router, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import DurationField, ExpressionWrapper
from django.db.models.functions import Coalesce, Now
from django.db.models.sql.compiler import SQLCompiler

from .core.keys import (
    Admission,
    FleetState,
    KeyRecord,
    Outcome,
    StoreError,
    Verdict,
    admit,
    settle,
)
from .models import IssuerRecord, RefreshState, issuer_key

__all__ = ["DatabaseKeyStore", "StoreNow", "closing_connections", "wait_for_threads"]

_T = TypeVar("_T")
_THREAD = "django_oidc_rs.keys"


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
        threading.Thread(target=run, name=_THREAD, daemon=True).start()
    except RuntimeError:
        # No threads here: the interpreter is going down, or the server forbids them.
        work()


def wait_for_threads(seconds: float) -> None:
    """Wait for the threads of ``closing_connections``, for each ``seconds`` at most.

    They end with the process: a command that does not wait loses keys it has fetched,
    and leaves the lease for fetching them, so that for a while nobody else may.
    """
    for thread in threading.enumerate():
        if thread.name == _THREAD:
            thread.join(seconds)


# What a database, its driver or the lack of either raises.
_FAILURES = (Error, ImproperlyConfigured)
# What comes of values that somebody wrote into a row by hand.
_DAMAGE = (AttributeError, TypeError, ValueError, OverflowError)


_ATTEMPTS = 3


class StoreNow(Now):
    """The database's clock in UTC: one clock for all hosts."""

    def as_mysql(
        self,
        compiler: SQLCompiler,
        connection: BaseDatabaseWrapper,
        **context: Any,
    ) -> tuple[str, tuple[str | int, ...]]:
        """Leave out the session's time zone, which jumps twice a year."""
        return self.as_sql(compiler, connection, template="UTC_TIMESTAMP(6)", **context)


class DatabaseKeyStore:
    """``KeyStore`` on the tables of ``IssuerRecord`` and ``RefreshState``."""

    def load(self, issuer: str) -> KeyRecord | None:
        """Return the stored record, or None; one read by primary key.

        Raises:
            StoreError: the database cannot be reached, or lacks the table.
        """
        # Subtracted there: what is read here may be local time, which jumps.
        stored_for = ExpressionWrapper(
            StoreNow() - Coalesce("stored_at", "fetched_at"), DurationField()
        )
        rows = IssuerRecord.objects.using(router.db_for_write(IssuerRecord)).annotate(
            stored_for=stored_for
        )
        try:
            row = rows.get(key=issuer_key(issuer))
        except IssuerRecord.DoesNotExist:
            return None
        except (DataError, *_DAMAGE):
            return _damaged(issuer)
        except _FAILURES as error:
            raise StoreError(type(error).__name__) from error
        try:
            return _to_record(row)
        except _DAMAGE:
            return _damaged(issuer)

    def publish(self, record: KeyRecord, *, replacing: int) -> KeyRecord | None:
        """Store ``record`` by compare-and-set on the version; see ``KeyStore``.

        Raises:
            StoreError: the database cannot be written.
        """
        published = replace(record, version=replacing + 1)
        values: dict[str, object] = {
            "issuer": published.issuer,
            "jwks": published.jwks,
            "jwks_uri": published.jwks_uri,
            "digest": published.digest,
            "fetched_at": _instant(published.fetched_at),
            "lifetime": published.lifetime,
            "etag": published.etag,
            "last_modified": published.last_modified,
            "metadata_url": published.metadata_url,
            "metadata_fetched_at": published.metadata_fetched_at,
            "metadata_public": published.metadata_public,
            "version": published.version,
            "stored_at": StoreNow(),
        }
        rows = IssuerRecord.objects.using(router.db_for_write(IssuerRecord))
        key = issuer_key(record.issuer)
        try:
            with transaction.atomic(using=rows.db):
                done = rows.filter(key=key, version=replacing).update(**values)
                if not replacing and not done:
                    _, done = rows.get_or_create(key=key, defaults=values)
        except _FAILURES as error:
            raise StoreError(type(error).__name__) from error
        return published if done else None

    def admit(self, issuer: str, *, holder: str, cooldown: float | None) -> Admission:
        """Ask for leave to fetch, by the database's clock; see ``fleet.admit``.

        Raises:
            StoreError: the database cannot be written.
        """
        return _swap(
            issuer,
            lambda state, now: admit(state, now, holder=holder, cooldown=cooldown),
            # Others are just deciding: one of them has it.
            beaten=Admission(Verdict.LEASED, 1),
        )

    def settle(self, issuer: str, *, holder: str, outcome: Outcome) -> None:
        """Give the leave back; see ``fleet.settle``.

        Raises:
            StoreError: the database cannot be written.
        """
        _swap(
            issuer,
            lambda state, now: (
                settle(state, now, holder=holder, outcome=outcome),
                None,
            ),
            beaten=None,
        )

    def last_error(self, issuer: str) -> str:
        """Return the code of the fleet's last failure, "" after a success.

        Raises:
            StoreError: the database cannot be reached, or lacks the table.
        """
        rows = RefreshState.objects.using(router.db_for_write(RefreshState))
        try:
            row = rows.filter(key=issuer_key(issuer)).first()
        except _FAILURES as error:
            raise StoreError(type(error).__name__) from error
        return "" if row is None else FleetState.from_json(row.state).error


def _to_record(row: Any) -> KeyRecord:
    return KeyRecord(
        issuer=row.issuer,
        jwks=row.jwks,
        jwks_uri=row.jwks_uri,
        fetched_at=_seconds(row.fetched_at),
        lifetime=float(row.lifetime),
        etag=row.etag,
        last_modified=row.last_modified,
        metadata_url=row.metadata_url,
        metadata_fetched_at=float(row.metadata_fetched_at),
        metadata_public=row.metadata_public,
        version=row.version,
        age=row.stored_for.total_seconds(),
    )


def _damaged(issuer: str) -> KeyRecord:
    """Return what counts as no keys, but tells which version to replace."""
    rows = IssuerRecord.objects.using(router.db_for_write(IssuerRecord))
    try:
        versions = rows.filter(key=issuer_key(issuer)).values_list("version", flat=True)
        version = versions.first() or 0
    except _FAILURES as error:
        raise StoreError(type(error).__name__) from error
    return KeyRecord(
        issuer=issuer, jwks="", jwks_uri="", fetched_at=0, lifetime=0, version=version
    )


def _swap(
    issuer: str,
    step: Callable[[FleetState, float], tuple[FleetState, _T]],
    *,
    beaten: _T,
) -> _T:
    """Take ``step`` from the stored state to the next, by conditional UPDATE.

    Returns what the step gives, or ``beaten`` where others keep changing the state.
    """
    rows = RefreshState.objects.using(router.db_for_write(RefreshState))
    key = issuer_key(issuer)
    try:
        for _attempt in range(_ATTEMPTS):
            row = rows.filter(key=key).annotate(store_now=StoreNow()).first()
            if row is None:
                after, answer = step(FleetState(), 0)
                if after == FleetState():
                    return answer
                rows.bulk_create([RefreshState(key=key)], ignore_conflicts=True)
                continue
            before = FleetState.from_json(row.state)
            after, answer = step(before, _seconds(row.store_now))
            if after == before:
                return answer
            if rows.filter(key=key, version=row.version).update(
                state=after.to_json(), version=row.version + 1
            ):
                return answer
    except _FAILURES as error:
        raise StoreError(type(error).__name__) from error
    return beaten


def _instant(seconds: float) -> datetime:
    """Return what a ``DateTimeField`` takes: in UTC, also where ``USE_TZ`` is off.

    Local times occur twice when summer ends.
    """
    instant = datetime.fromtimestamp(seconds, UTC)
    return instant if settings.USE_TZ else instant.replace(tzinfo=None)


def _seconds(instant: datetime) -> float:
    return (instant if instant.tzinfo else instant.replace(tzinfo=UTC)).timestamp()
