"""KeyRing: the keys of one issuer, without making good requests wait.

Three layers: the snapshot in this process, the store that processes share, the network.
While fresh keys are known, a request reads the snapshot and nothing else; everything
that takes time happens in a flight, of which there is one at a time.
"""

from __future__ import annotations

import logging
import math
import random
import threading
from collections.abc import Callable
from dataclasses import dataclass

from ..clock import Clock
from ..errors import KeysUnavailable
from ..http import Fetch
from ..issuers import IssuerPolicy
from ..jwk import VerificationKeys
from .limits import Backoff, Budget
from .local import LocalKeys
from .records import KeyStore
from .snapshot import KeySnapshot, KeysPending
from .source import IssuerSource, SourceError

__all__ = ["KeyRing"]

logger = logging.getLogger("django_oidc_rs.keys")

_STORE_INTERVAL = 15.0
_STORE_INTERVAL_ON_MISS = 1.0
_MAX_WAITERS = 4
_WAIT_FOR_KEY = 2.0
_WAIT_FOR_FIRST = 6.0
# Enough for what others stored, and for an issuer that answers at once.
_WAIT_WHEN_IDLE = 0.05


@dataclass(slots=True, eq=False)
class _Flight:
    """One look at the store and, if need be, the network.

    It has ``landed`` once what it brings is in force, and is ``over`` once that is
    stored too.
    """

    forced: bool
    waiters: int = 0
    fetched: bool = False
    failed: bool = False
    landed: bool = False
    over: bool = False

    def milestone(self) -> Callable[[], bool]:
        """Return what to wait for now.

        What has landed brings nothing more, but its end makes room for the next.
        """
        return (lambda: self.over) if self.landed else (lambda: self.landed)


class KeyRing:
    """The keys of one issuer that publishes a JWK Set.

    Guarantees: no network and no lock across it while fresh keys are known; at most
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
        self._alias = policy.alias
        self._clock = clock
        self._spawn = spawn
        self._on_refresh = on_refresh
        self._source = IssuerSource(policy, fetch=fetch, clock=clock)
        self._local = LocalKeys(policy, clock=clock, store=store, jitter=jitter)
        self._budget = Budget(cooldown=policy.keys.cooldown)
        self._backoff = Backoff(jitter=jitter)
        # Guards the flight and its waiters. All else is written by the flight alone.
        self._progress = threading.Condition(threading.Lock())
        self._flight: _Flight | None = None
        self._next_look = -math.inf

    def snapshot(self, *, wait: bool) -> KeySnapshot:
        """Return the keys in force, without waiting while there are fresh ones.

        Stale keys serve at once during an outage of the issuer; a process that was idle
        asks before it serves them, for 50 ms at most.

        Raises:
            KeysUnavailable: no usable keys, and none could be had.
            KeysPending: it takes waiting, and ``wait`` is false.
        """
        now = self._clock.monotonic()
        snapshot = self._local.snapshot
        if snapshot is None or now >= snapshot.usable_until:
            return self._await_keys(_WAIT_FOR_FIRST, wait=wait)
        if now >= self._next_look:
            if now >= snapshot.fresh_until and not self._backoff.is_outage(now):
                return self._await_keys(_WAIT_WHEN_IDLE, wait=wait)
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
        while not wanted(self.snapshot(wait=wait).keys):
            with self._progress:
                flight, start = self._board(wait=wait)
                if flight is None:
                    break
                flight.waiters += 1
                until = flight.milestone()
            if not self._wait(flight, until, start=start, wait=wait, deadline=deadline):
                raise KeysUnavailable("the issuer is slow", retry_after=1)
            if flight.failed or (start and flight.fetched):
                # A fetch of somebody else may have set out before the key was there.
                break
        # Once more: a flight may have landed between the last look and here.
        snapshot = self.snapshot(wait=wait)
        if self._backoff.failing and not wanted(snapshot.keys):
            raise self._unavailable("the issuer cannot be asked for new keys")
        return snapshot

    def _board(self, *, wait: bool) -> tuple[_Flight | None, bool]:
        """Return the flight for an unknown key, and whether it is new.

        None where no flight could find out anything. The caller holds the lock.
        """
        flight = self._flight
        if flight is not None:
            if flight.waiters >= _MAX_WAITERS:
                # Each waiter holds a worker; a flood must not hold them all.
                raise KeysUnavailable("too many wait for new keys", retry_after=1)
            return flight, False
        now = self._clock.monotonic()
        if not self._may_read(now) and not self._may_fetch(now):
            return None, False
        if not wait:
            # The caller comes back and waits; a fetch now would be paid for twice.
            raise KeysPending
        self._flight = _Flight(forced=True)
        return self._flight, True

    def _look(self) -> None:
        """Start a routine flight, unless one is under way."""
        with self._progress:
            if self._flight is not None:
                return
            flight = self._flight = _Flight(forced=False)
        self._launch(flight)

    def _await_keys(self, seconds: float, *, wait: bool) -> KeySnapshot:
        """Return what a flight brings in ``seconds``, else keys that still serve."""
        now = self._clock.monotonic()
        with self._progress:
            flight, start = self._flight, False
            if flight is None:
                if self._may_read(now) or now >= self._backoff.not_before:
                    flight, start = _Flight(forced=False), True
                    self._flight = flight
            elif self._backoff.failing and flight.waiters >= _MAX_WAITERS:
                # An issuer that is down holds enough workers already.
                flight = None
            if flight is not None:
                flight.waiters += 1
        if flight is not None:
            landed = flight.milestone()
            self._wait(
                flight,
                lambda: landed() or self._local.is_fresh(),
                start=start,
                wait=wait,
                deadline=now + seconds,
            )
        snapshot = self._local.snapshot
        if snapshot is None or not self._local.is_usable():
            raise self._unavailable("no usable keys")
        return snapshot

    def _wait(
        self,
        flight: _Flight,
        until: Callable[[], bool],
        *,
        start: bool,
        wait: bool,
        deadline: float,
    ) -> bool:
        """Start ``flight`` if it is ours; tell whether ``until`` came true in time."""
        if start:
            self._launch(flight)
        with self._progress:
            try:
                if not wait and not until():
                    raise KeysPending
                left = max(0.0, deadline - self._clock.monotonic())
                return self._progress.wait_for(until, left)
            finally:
                flight.waiters -= 1

    def _unavailable(self, detail: str) -> KeysUnavailable:
        pause = self._backoff.not_before - self._clock.monotonic()
        return KeysUnavailable(detail, retry_after=math.ceil(min(max(pause, 1.0), 60)))

    def _may_read(self, now: float) -> bool:
        return now - self._local.read_at >= _STORE_INTERVAL_ON_MISS

    def _may_fetch(self, now: float) -> bool:
        return now >= self._backoff.not_before and self._budget.available(now)

    def _launch(self, flight: _Flight) -> None:
        try:
            self._spawn(lambda: self._run(flight))
        except Exception as error:  # noqa: BLE001 -- what never starts must end too
            self._give_up(flight, error)
            # It counts as a look, or every request would try again.
            self._local.read_at = self._clock.monotonic()
            self._end(flight)

    def _run(self, flight: _Flight) -> None:
        try:
            self._refresh(flight)
        except Exception as error:  # noqa: BLE001 -- reported; the next flight goes on
            self._give_up(flight, error)
        finally:
            self._end(flight)

    def _give_up(self, flight: _Flight, error: Exception) -> None:
        """Take ``error`` for a failure to fetch, unless the fetch was done with."""
        if not flight.fetched:
            flight.failed = True
            self._backoff.failed(self._clock.monotonic())
        logger.error(
            "Refreshing keys of issuer %s failed unexpectedly",
            self._alias,
            exc_info=error,
            extra={"reason": "refresh_failed", "issuer_alias": self._alias},
        )

    def _end(self, flight: _Flight) -> None:
        """Make room for the next flight, and set when a request starts it."""
        with self._progress:
            self._next_look = self._local.read_at + _STORE_INTERVAL
            snapshot = self._local.snapshot
            if snapshot is not None:
                due = max(snapshot.refresh_at, self._backoff.not_before)
                self._next_look = min(self._next_look, due)
            self._flight = None
            flight.landed = flight.over = True
            self._progress.notify_all()

    def _refresh(self, flight: _Flight) -> None:
        changed = self._local.read()
        with self._progress:
            self._progress.notify_all()
        now = self._clock.monotonic()
        if not self._is_due(now):
            if not flight.forced or changed or not self._may_fetch(now):
                return
            self._budget.spend(now)
        try:
            record = self._source.fetch(
                self._local.record, rediscover=self._backoff.failing
            )
        except SourceError as error:
            flight.failed = flight.fetched = True
            self._backoff.failed(self._clock.monotonic())
            self._report(error)
            return
        self._backoff.succeeded()
        self._local.install(record)
        flight.fetched = True
        # Waiters go on before the store is written: a slow store is not their concern.
        with self._progress:
            flight.landed = True
            self._progress.notify_all()
        self._local.publish(record)
        self._report(None)

    def _is_due(self, now: float) -> bool:
        snapshot = self._local.snapshot
        due = snapshot is None or now >= snapshot.refresh_at
        return due and now >= self._backoff.not_before

    def _report(self, error: SourceError | None) -> None:
        if error is not None:
            logger.warning(
                "Keys of issuer %s: fetch failed: %s",
                self._alias,
                error,
                extra={"reason": "fetch_failed", "issuer_alias": self._alias},
            )
        if self._on_refresh is not None:
            self._on_refresh(self._alias, error)
