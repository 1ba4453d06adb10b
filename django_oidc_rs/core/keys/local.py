"""The keys in this process, and their exchange with the store."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from dataclasses import replace
from typing import cast

from ..clock import Clock
from ..issuers import IssuerPolicy
from .freshness import MAX_LIFETIME, MIN_LIFETIME
from .records import KeyRecord, KeyStore
from .snapshot import KeySnapshot
from .source import SourceError, parse_record

__all__ = ["LocalKeys"]

logger = logging.getLogger("django_oidc_rs.keys")

_ADVICE = {
    "store_unreachable": "Keys known here go on serving. Is the database, or the cache "
    "that KEYS.STORE names, up, and did manage.py migrate run?",
    "store_unusable": "It counts as none; the next fetch, or manage.py sync_oidc_keys, "
    "replaces it.",
}
_REFRESH_AHEAD = 0.8
# Seconds between what the store and this process take for the same moment.
_SLACK = 1.0
_MINUTE = 60.0


class LocalKeys:
    """One issuer's keys as this process knows them; one thread at a time writes.

    Attributes:
        snapshot: the keys in force, None while there are none.
        record: what they were parsed from.
        read_at: when the store was last read, in monotonic seconds.
        blind: whether it could not be read then.
    """

    def __init__(
        self,
        policy: IssuerPolicy,
        *,
        clock: Clock,
        store: KeyStore,
        jitter: Callable[[], float],
    ) -> None:
        """Start empty; nothing is read yet."""
        self._policy = policy
        self._clock = clock
        self._store = store
        self._jitter = jitter
        # Of the keys in force; what the store said last; what was looked at last.
        self._version = 0
        self._stored_version = 0
        self._seen: tuple[int, str] | None = None
        self._seen_at = -math.inf
        self.snapshot: KeySnapshot | None = None
        self.record: KeyRecord | None = None
        self.read_at = -math.inf
        self.blind = False

    def is_fresh(self) -> bool:
        """Whether there are keys within their lifetime."""
        snapshot = self.snapshot
        return snapshot is not None and self._clock.monotonic() < snapshot.fresh_until

    def is_usable(self) -> bool:
        """Whether there are keys that may serve, if only during an outage."""
        snapshot = self.snapshot
        return snapshot is not None and self._clock.monotonic() < snapshot.usable_until

    def install(self, record: KeyRecord) -> None:
        """Put the keys of ``record`` in force, in place of those before.

        Raises:
            SourceError: the record holds no usable JWK Set; nothing changes.
        """
        self.snapshot, self.record = self._snapshot_of(record), record

    def peek(self) -> KeySnapshot | None:
        """Return what is stored, if it can be used, and change nothing."""
        try:
            record = self._store.load(self._policy.issuer)
            return None if record is None else self._snapshot_of(record)
        except Exception as error:  # noqa: BLE001 -- it can be had without the store
            self._warn("store_unreachable", error)
            return None

    def stored_error(self) -> str:
        """Return the code of the last failure that the store knows of."""
        try:
            return self._store.last_error(self._policy.issuer)
        except Exception as error:  # noqa: BLE001 -- as above
            self._warn("store_unreachable", error)
            return ""

    def _snapshot_of(self, record: KeyRecord) -> KeySnapshot:
        keys = parse_record(record, self._policy, known=self.snapshot)
        now = self._clock.monotonic()
        # By the store's clock: this host's may be minutes off.
        age, lifetime = max(0.0, record.age), record.lifetime
        if not MIN_LIFETIME <= lifetime <= MAX_LIFETIME:
            # An edited row must not keep a withdrawn key alive.
            lifetime = MIN_LIFETIME
        if record.age < -_MINUTE:
            # Nor one that was stored before the store's clock was put right.
            age = lifetime
        ahead = lifetime * _REFRESH_AHEAD * (0.9 + 0.2 * self._jitter())
        fresh_until = now + lifetime - age
        return KeySnapshot(
            keys=keys,
            digest=record.digest,
            fetched_at=now - age,
            refresh_at=now + ahead - age,
            fresh_until=fresh_until,
            usable_until=self._usable_until(now - age, fresh_until),
        )

    def _usable_until(self, fetched: float, fresh_until: float) -> float:
        policy = self._policy.keys
        if policy.by_command:
            return fetched + policy.max_stale
        return fresh_until + policy.stale_if_error

    def read(self) -> bool:
        """Install what other processes published; tell whether anything changed."""
        record = self._load()
        if record is None or self._is_known(record):
            return False
        if self._is_older(record):
            if record.version > self._version:
                # A publication that was held up: the store must learn of our set.
                self._refresh_soon()
            return False
        return self._take(record)

    def _load(self) -> KeyRecord | None:
        self.read_at = self._clock.monotonic()
        try:
            record = self._store.load(self._policy.issuer)
        except Exception as error:  # noqa: BLE001 -- keys can be had without the store
            self.blind = True
            self._warn("store_unreachable", error)
            return None
        self.blind = False
        self._stored_version = 0 if record is None else record.version
        return record

    def _take(self, record: KeyRecord) -> bool:
        self._seen, self._seen_at = _mark(record), self._published_at(record)
        try:
            self.install(record)
        except SourceError as error:
            # An edited or outdated row counts as none; the next fetch replaces it.
            self._warn("store_unusable", error)
            return False
        self._version = record.version
        return True

    def _is_known(self, record: KeyRecord) -> bool:
        """Whether nothing was published since the store was looked at last.

        After a flush the versions begin anew, so the time counts too.
        """
        return (
            _mark(record) == self._seen
            and self._published_at(record) <= self._seen_at + _SLACK
        )

    def _is_older(self, record: KeyRecord) -> bool:
        """Whether ``record`` was published before the keys in force were fetched.

        A replica that lags, a restored backup or a publication that was held up gave
        it. Versions do not tell: a row made anew starts at 1.
        """
        snapshot = self.snapshot
        return snapshot is not None and (
            self._published_at(record) < snapshot.fetched_at
        )

    def _published_at(self, record: KeyRecord) -> float:
        return self._clock.monotonic() - record.age

    def _refresh_soon(self) -> None:
        # Whoever asks for it has keys in force.
        snapshot = cast("KeySnapshot", self.snapshot)
        self.snapshot = replace(snapshot, refresh_at=-math.inf)

    def publish(self, record: KeyRecord) -> None:
        """Store ``record``; where another process was faster, take over theirs.

        Which of the two answers is newer nobody knows then, so the next fetch is due.
        """
        replacing = max(self._stored_version, 0)
        try:
            published = self._store.publish(record, replacing=replacing)
        except Exception as error:  # noqa: BLE001 -- keys can be had without the store
            self._warn("store_unreachable", error)
            return
        if published is not None:
            self._version = self._stored_version = published.version
            self._seen, self._seen_at = _mark(published), self._clock.monotonic()
            return
        theirs = self._load()
        if theirs is not None and self._take(theirs):
            self._refresh_soon()

    def _warn(self, reason: str, error: Exception) -> None:
        logger.warning(
            "Keys of issuer %s: %s: %s. %s",
            self._policy.alias,
            reason,
            error,
            _ADVICE[reason],
            extra={"reason": reason, "issuer_alias": self._policy.alias},
        )


def _mark(record: KeyRecord) -> tuple[int, str]:
    return record.version, record.digest
