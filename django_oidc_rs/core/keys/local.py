"""The keys in this process, and their exchange with the store."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable

from ..clock import Clock
from ..issuers import IssuerPolicy
from .freshness import MAX_LIFETIME, MIN_LIFETIME
from .records import KeyRecord, KeyStore
from .snapshot import KeySnapshot
from .source import SourceError, parse_record

__all__ = ["LocalKeys"]

logger = logging.getLogger("django_oidc_rs.keys")

_REFRESH_AHEAD = 0.8


class LocalKeys:
    """One issuer's keys as this process knows them; one thread at a time writes.

    Attributes:
        snapshot: the keys in force, None while there are none.
        record: what they were parsed from.
        read_at: when the store was last read, in monotonic seconds.
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
        self._version = 0
        self.snapshot: KeySnapshot | None = None
        self.record: KeyRecord | None = None
        self.read_at = -math.inf

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
        keys = parse_record(record, self._policy)
        now = self._clock.monotonic()
        age = max(0.0, self._clock.now() - record.fetched_at)
        lifetime = record.lifetime
        if not MIN_LIFETIME <= lifetime <= MAX_LIFETIME:
            # An edited row must not keep a withdrawn key alive.
            lifetime = MIN_LIFETIME
        ahead = lifetime * _REFRESH_AHEAD * (0.9 + 0.2 * self._jitter())
        fresh_until = now + lifetime - age
        self.record = record
        self.snapshot = KeySnapshot(
            keys=keys,
            digest=record.digest,
            refresh_at=now + ahead - age,
            fresh_until=fresh_until,
            usable_until=fresh_until + self._policy.keys.stale_if_error,
        )

    def read(self) -> bool:
        """Install what other processes published; tell whether anything changed."""
        self.read_at = self._clock.monotonic()
        try:
            record = self._store.load(self._policy.issuer)
        except Exception as error:  # noqa: BLE001 -- keys can be had without the store
            self._warn("store_unreachable", error)
            return False
        known, self._version = self._version, 0 if record is None else record.version
        if record is None or record.version == known or self._is_older(record, known):
            return False
        try:
            self.install(record)
        except SourceError as error:
            # An edited or outdated row counts as none; the next fetch replaces it.
            self._warn("store_unusable", error)
            return False
        return True

    def _is_older(self, record: KeyRecord, known: int) -> bool:
        """Whether a replica that lags, or a restored backup, gave ``record``.

        A row made anew starts at version 1, so the version alone does not tell.
        """
        return (
            record.version < known
            and self.record is not None
            and record.fetched_at <= self.record.fetched_at
        )

    def publish(self, record: KeyRecord) -> None:
        """Store ``record``; where another process was faster, take over theirs."""
        try:
            published = self._store.publish(record, replacing=self._version)
        except Exception as error:  # noqa: BLE001 -- keys can be had without the store
            self._warn("store_unreachable", error)
            return
        if published is None:
            self.read()
        else:
            self._version = published.version

    def _warn(self, reason: str, error: Exception) -> None:
        logger.warning(
            "Keys of issuer %s: %s: %s",
            self._policy.alias,
            reason,
            error,
            extra={"reason": reason, "issuer_alias": self._policy.alias},
        )
