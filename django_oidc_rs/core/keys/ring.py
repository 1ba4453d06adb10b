"""KeyRing: the keys of one issuer, without making good requests wait.

Three layers: the snapshot in this process, the store that processes share, the network.
While usable keys are known, a request reads the snapshot and nothing else; everything
that takes time happens in a flight, of which there is one at a time.
"""

from __future__ import annotations

import logging
import math
import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from ..clock import Clock
from ..errors import KeysUnavailable
from ..http import Fetch
from ..issuers import IssuerPolicy
from ..jwk import VerificationKeys
from .limits import Backoff, Budget
from .records import KeyRecord, KeyStore, StoreError
from .source import IssuerSource, SourceError, parse_record

__all__ = ["KeyRing", "KeySnapshot", "KeySource", "KeysPending", "StaticKeys"]

logger = logging.getLogger("django_oidc_rs.keys")

_STORE_INTERVAL = 15.0
_STORE_INTERVAL_ON_MISS = 1.0
_REFRESH_AHEAD = 0.8
_MAX_WAITERS = 4
_WAIT_FOR_KEY = 2.0
_WAIT_FOR_FIRST = 6.0


class KeysPending(Exception):
    """The answer needs waiting, and the caller said it cannot wait."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeySnapshot:
    """The keys in force, and the version they belong to."""

    keys: VerificationKeys
    digest: str = ""
    version: int = 0
    refresh_at: float = math.inf
    fresh_until: float = math.inf
    usable_until: float = math.inf


class KeySource(Protocol):
    """What a validator needs of keys."""

    def snapshot(self, *, wait: bool) -> KeySnapshot:
        """Return the keys in force. Raises ``KeysUnavailable``, ``KeysPending``."""
        ...

    def snapshot_with(
        self, wanted: Callable[[VerificationKeys], bool], *, wait: bool
    ) -> KeySnapshot:
        """Return keys that are ``wanted``, or the newest there are. Raises as above."""
        ...


class StaticKeys:
    """Keys written in settings: nothing to fetch, nothing to wait for."""

    def __init__(self, keys: VerificationKeys) -> None:
        """Keep ``keys`` for ever."""
        self._snapshot = KeySnapshot(keys=keys)

    def snapshot(self, *, wait: bool) -> KeySnapshot:
        """Return the keys."""
        del wait
        return self._snapshot

    def snapshot_with(
        self, wanted: Callable[[VerificationKeys], bool], *, wait: bool
    ) -> KeySnapshot:
        """Return the keys: there are no newer ones."""
        del wanted, wait
        return self._snapshot


@dataclass(slots=True)
class _Flight:
    """One look at the store and, if need be, the network."""

    forced: bool
    done: threading.Event = field(default_factory=threading.Event)
    fetched: bool = False
    failed: bool = False
    waiters: int = 0


class KeyRing:
    """The keys of one issuer that publishes a JWK Set.

    Guarantees: no network and no lock across it while usable keys are known; at most
    two fetches for unknown key IDs per cooldown; keys outlive their issuer's outage by
    ``stale_if_error``; a key absent from a newer set is gone.

    Args:
        policy: the issuer policy.
        clock, fetch, store, spawn, jitter: the seams. ``spawn`` runs a function off the
            request path; ``jitter`` gives numbers in 0..1.
        on_refresh: told of every completed fetch: the issuer's alias and None, or the
            ``SourceError`` that ended it.
    """

    def __init__(
        self,
        policy: IssuerPolicy,
        *,
        clock: Clock,
        fetch: Fetch,
        store: KeyStore,
        spawn: Callable[[Callable[[], None]], None],
        jitter: Callable[[], float] = random.random,
        on_refresh: Callable[[str, SourceError | None], None] | None = None,
    ) -> None:
        """Start cold; nothing is read or fetched yet."""
        self._policy = policy
        self._clock = clock
        self._store = store
        self._spawn = spawn
        self._jitter = jitter
        self._on_refresh = on_refresh
        self._source = IssuerSource(policy, fetch=fetch, clock=clock)
        self._budget = Budget(cooldown=policy.keys.cooldown)
        self._backoff = Backoff(jitter=jitter)
        self._lock = threading.Lock()
        self._flight: _Flight | None = None
        self._snapshot: KeySnapshot | None = None
        self._record: KeyRecord | None = None
        self._store_version = 0
        self._store_read_at = -math.inf
        self._next_look = -math.inf

    def snapshot(self, *, wait: bool) -> KeySnapshot:
        """Return the keys in force, without waiting while there are any.

        Raises:
            KeysUnavailable: no usable keys, and none could be had.
            KeysPending: no usable keys, and ``wait`` is false.
        """
        now = self._clock.monotonic()
        snapshot = self._snapshot
        if snapshot is None or now >= snapshot.usable_until:
            return self._first(wait=wait)
        if now >= self._next_look:
            self._look()
        return snapshot

    def snapshot_with(
        self, wanted: Callable[[VerificationKeys], bool], *, wait: bool
    ) -> KeySnapshot:
        """Return keys that are ``wanted``; look at the store and the network for them.

        Returns keys that are not wanted only after a completed fetch without them, or
        when the budget is exhausted after a success.

        Raises:
            KeysUnavailable: cannot tell now: an outage, or too many wait already.
            KeysPending: it takes waiting, and ``wait`` is false.
        """
        deadline = self._clock.monotonic() + _WAIT_FOR_KEY
        while True:
            snapshot = self.snapshot(wait=wait)
            if wanted(snapshot.keys):
                return snapshot
            with self._lock:
                flight = self._flight
                start = flight is None
                if flight is None:
                    if not self._may_look(self._clock.monotonic()):
                        break
                    flight = self._flight = _Flight(forced=True)
                elif flight.waiters >= _MAX_WAITERS:
                    # Each waiter holds a worker; a flood must not hold them all.
                    raise KeysUnavailable("too many wait for new keys", retry_after=1)
                flight.waiters += 1
            self._complete(flight, start=start, wait=wait, deadline=deadline)
            if flight.failed:
                break
            if flight.fetched and start:
                # A flight of somebody else may have set out before the key was there.
                return self.snapshot(wait=wait)
        if self._backoff.failing:
            raise self._unavailable("the issuer cannot be asked for new keys")
        return snapshot

    def _look(self) -> None:
        """Start a routine flight, unless one is under way."""
        with self._lock:
            if self._flight is not None:
                return
            flight = self._flight = _Flight(forced=False)
        self._spawn(lambda: self._run(flight))

    def _first(self, *, wait: bool) -> KeySnapshot:
        """Wait for the first keys, or for better ones than those past use."""
        deadline = self._clock.monotonic() + _WAIT_FOR_FIRST
        with self._lock:
            flight = self._flight
            start = flight is None
            if flight is None:
                if self._clock.monotonic() < self._backoff.not_before:
                    raise self._unavailable("no usable keys")
                flight = self._flight = _Flight(forced=False)
            flight.waiters += 1
        self._complete(flight, start=start, wait=wait, deadline=deadline)
        snapshot = self._snapshot
        if snapshot is None or self._clock.monotonic() >= snapshot.usable_until:
            raise self._unavailable("no usable keys")
        return snapshot

    def _complete(
        self, flight: _Flight, *, start: bool, wait: bool, deadline: float
    ) -> None:
        """Start ``flight`` if it is ours and wait for its end, up to ``deadline``."""
        if start:
            self._spawn(lambda: self._run(flight))
        if not wait:
            with self._lock:
                flight.waiters -= 1
            if flight.done.is_set():
                return
            raise KeysPending
        done = flight.done.wait(max(0.0, deadline - self._clock.monotonic()))
        with self._lock:
            flight.waiters -= 1
        if not done:
            raise KeysUnavailable("the issuer is slow", retry_after=1)

    def _unavailable(self, detail: str) -> KeysUnavailable:
        pause = self._backoff.not_before - self._clock.monotonic()
        return KeysUnavailable(detail, retry_after=max(1, math.ceil(min(pause, 60.0))))

    def _may_look(self, now: float) -> bool:
        """Whether a flight for an unknown key could find out anything."""
        return now - self._store_read_at >= _STORE_INTERVAL_ON_MISS or self._may_fetch(
            now
        )

    def _may_fetch(self, now: float) -> bool:
        return now >= self._backoff.not_before and self._budget.available(now)

    def _run(self, flight: _Flight) -> None:
        try:
            self._refresh(flight)
        except Exception:
            flight.failed = True
            self._backoff.failed(self._clock.monotonic())
            logger.exception(
                "Refreshing keys failed unexpectedly",
                extra={"reason": "refresh_failed", "issuer_alias": self._policy.alias},
            )
        finally:
            with self._lock:
                self._flight = None
            flight.done.set()

    def _refresh(self, flight: _Flight) -> None:
        changed = self._read_store()
        now = self._clock.monotonic()
        if flight.forced:
            if changed or not self._may_fetch(now):
                return
            self._budget.spend(now)
        elif not self._is_due(now):
            return
        try:
            record = self._source.fetch(self._record, rediscover=self._backoff.failing)
        except SourceError as error:
            flight.failed = flight.fetched = True
            self._backoff.failed(self._clock.monotonic())
            self._schedule()
            self._report(error)
            return
        self._backoff.succeeded()
        self._install(record)
        flight.fetched = True
        # Waiters go on before the store is written: a slow store is not their concern.
        flight.done.set()
        self._publish(record)
        self._report(None)

    def _is_due(self, now: float) -> bool:
        snapshot = self._snapshot
        due = snapshot is None or now >= snapshot.refresh_at
        return due and now >= self._backoff.not_before

    def _read_store(self) -> bool:
        """Install what other processes published; tell whether anything changed."""
        self._store_read_at = self._clock.monotonic()
        self._schedule()
        try:
            record = self._store.load(self._policy.issuer)
        except StoreError as error:
            self._warn("store_unreachable", error)
            return False
        if record is None or record.version == self._store_version:
            return False
        self._store_version = record.version
        try:
            self._install(record)
        except SourceError as error:
            # An edited or outdated row counts as none; the next fetch replaces it.
            self._warn("store_unusable", error)
            return False
        return True

    def _install(self, record: KeyRecord) -> None:
        keys = parse_record(record, self._policy)
        now = self._clock.monotonic()
        age = max(0.0, self._clock.now() - record.fetched_at)
        fresh_until = now + record.lifetime - age
        ahead = record.lifetime * _REFRESH_AHEAD * (0.9 + 0.2 * self._jitter())
        self._record = record
        self._snapshot = KeySnapshot(
            keys=keys,
            digest=record.digest,
            version=record.version,
            refresh_at=now + ahead - age,
            fresh_until=fresh_until,
            usable_until=fresh_until + self._policy.keys.stale_if_error,
        )
        self._schedule()

    def _schedule(self) -> None:
        """Set when a request next starts a flight: for the store, or for a refresh."""
        next_look = self._store_read_at + _STORE_INTERVAL
        if self._snapshot is not None:
            due = max(self._snapshot.refresh_at, self._backoff.not_before)
            next_look = min(next_look, due)
        self._next_look = next_look

    def _publish(self, record: KeyRecord) -> None:
        try:
            published = self._store.publish(record, replacing=self._store_version)
        except StoreError as error:
            self._warn("store_unreachable", error)
            return
        if published is None:
            # Somebody was faster; theirs is in force everywhere, so here too.
            self._read_store()
        else:
            self._store_version = published.version
            self._record = published

    def _report(self, error: SourceError | None) -> None:
        if error is not None:
            self._warn("fetch_failed", error)
        if self._on_refresh is not None:
            self._on_refresh(self._policy.alias, error)

    def _warn(self, reason: str, error: Exception) -> None:
        logger.warning(
            "Keys of issuer %s: %s: %s",
            self._policy.alias,
            reason,
            error,
            extra={"reason": reason, "issuer_alias": self._policy.alias},
        )
