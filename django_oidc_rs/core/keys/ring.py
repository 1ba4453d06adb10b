"""KeyRing: the keys of one issuer, without making good requests wait.

Three layers: the snapshot in this process, the store that processes share, the network.
While fresh keys are known, a request reads the snapshot and nothing else; everything
that takes time happens in a flight, of which there is one at a time in this process,
and one that fetches in the whole fleet.
"""

from __future__ import annotations

import logging
import math
import random
import time
from collections.abc import Callable

from ..clock import Clock
from ..errors import KeysUnavailable
from ..http import Fetch
from ..issuers import IssuerPolicy
from ..jwk import VerificationKeys
from .fleet import Verdict
from .flight import Flight, Runway
from .gate import ClosedGate, FetchGate, FleetGate
from .limits import MAX_PAUSE
from .local import LocalKeys
from .records import KeyStore
from .snapshot import KeySnapshot, KeysPending, KeyStatus
from .source import IssuerSource, SourceError

__all__ = ["KeyRing"]

logger = logging.getLogger("django_oidc_rs.keys")

_STORE_INTERVAL = 15.0
_STORE_INTERVAL_ON_MISS = 1.0
_MAX_WAITERS = 4
_WAIT_FOR_KEY = 2.0
_WAIT_FOR_FIRST = 6.0
# Enough for what others stored, and for an issuer that answers at once.
_WAIT_WHEN_IDLE = 0.02
# How often a flight looks whether the process that fetches has published.
_LOOK_AGAIN = 0.1


class KeyRing:
    """The keys of one issuer that publishes a JWK Set.

    Guarantees: no network and no lock across it while fresh keys are known; at most
    two fetches for unknown key IDs per cooldown, and one fetch at a time, in the whole
    fleet that shares the store; keys outlive their issuer's outage by
    ``stale_if_error``; a key absent from a newer set is gone.

    Args:
        policy: the issuer policy.
        clock, fetch, store, spawn, jitter, pause: the seams. ``spawn`` runs a function
            off the request path; ``jitter`` gives numbers in 0..1; ``pause`` sleeps
            so many seconds, off the request path.
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
        pause: Callable[[float], None] = time.sleep,
        on_refresh: Callable[[str, SourceError | None], None] | None = None,
    ) -> None:
        """Start cold; nothing is read or fetched yet."""
        self._alias = policy.alias
        self._clock = clock
        self._pause = pause
        self._on_refresh = on_refresh
        self._source = IssuerSource(policy, fetch=fetch, clock=clock)
        self._local = LocalKeys(policy, clock=clock, store=store, jitter=jitter)
        self._by_command = policy.keys.by_command
        self._gate: FetchGate = (
            ClosedGate()
            if self._by_command
            else FleetGate(policy, store=store, jitter=jitter)
        )
        self._runway = Runway(
            clock=clock,
            spawn=spawn,
            fly=self._refresh,
            crashed=self._give_up,
            cleared=self._plan,
        )
        self._next_look = -math.inf

    def snapshot(self, *, wait: bool) -> KeySnapshot:
        """Return the keys in force, without waiting while there are fresh ones.

        Stale keys serve at once during an outage of the issuer; a process that was idle
        asks before it serves them, for 20 ms at most.

        Raises:
            KeysUnavailable: no usable keys, and none could be had.
            KeysPending: it takes waiting, and ``wait`` is false.
        """
        now = self._clock.monotonic()
        snapshot = self._local.snapshot
        if snapshot is None or now >= snapshot.usable_until:
            return self._await_keys(_WAIT_FOR_FIRST, wait=wait)
        if now >= self._next_look:
            if now >= snapshot.fresh_until and not self._gate.is_outage(now):
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
            if self._clock.monotonic() >= deadline:
                raise KeysUnavailable("the issuer is slow", retry_after=1)
            with self._runway.progress:
                flight, start = self._board(wait=wait)
                if flight is None:
                    break
                flight.waiters += 1
                until = flight.milestone()
            if not self._runway.wait(
                flight, until, start=start, wait=wait, deadline=deadline
            ):
                raise KeysUnavailable("the issuer is slow", retry_after=1)
            if flight.failed or (start and flight.fetched):
                # A fetch of somebody else may have set out before the key was there.
                break
        # Once more: a flight may have landed between the last look and here.
        snapshot = self.snapshot(wait=wait)
        if wanted(snapshot.keys):
            return snapshot
        if self._gate.failing:
            raise self._unavailable("the issuer cannot be asked for new keys")
        if self._by_command and self._local.blind:
            raise KeysUnavailable("the key store cannot be read", retry_after=1)
        return snapshot

    def _board(self, *, wait: bool) -> tuple[Flight | None, bool]:
        """Return the flight for an unknown key, and whether it is new.

        None where no flight could find out anything. The caller holds the lock.
        """
        flight = self._runway.under_way()
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
        return self._runway.board(forced=True), True

    def _look(self) -> None:
        """Start a routine flight, unless one is under way."""
        with self._runway.progress:
            if self._runway.under_way() is not None:
                return
            flight = self._runway.board(forced=False)
        self._runway.launch(flight)

    def _await_keys(self, seconds: float, *, wait: bool) -> KeySnapshot:
        """Return what a flight brings in ``seconds``, else keys that still serve."""
        now = self._clock.monotonic()
        with self._runway.progress:
            flight, start = self._runway.under_way(), False
            if flight is None:
                if self._may_read(now) or now >= self._gate.not_before:
                    flight, start = self._runway.board(forced=False), True
            elif self._gate.failing and flight.waiters >= _MAX_WAITERS:
                # An issuer that is down holds enough workers already.
                flight = None
            if flight is not None:
                flight.waiters += 1
        if flight is not None:
            landed = flight.milestone()
            self._runway.wait(
                flight,
                lambda: landed() or self._local.is_fresh(),
                start=start,
                wait=wait,
                deadline=flight.since + seconds,
            )
        snapshot = self._local.snapshot
        if snapshot is None or not self._local.is_usable():
            raise self._unavailable("no usable keys")
        return snapshot

    def status(self) -> KeyStatus:
        """Return how these keys stand, without asking the issuer.

        What is stored counts where this process has nothing fresh: it may be idle.
        """
        now = self._clock.monotonic()
        snapshot = self._local.snapshot
        if snapshot is None or now >= snapshot.fresh_until:
            snapshot = self._local.peek() or snapshot
        # Where requests never fetch, the command says how the issuer does.
        error = (
            self._local.stored_error() if self._by_command else self._gate.last_error
        )
        pause = self._gate.not_before - now
        return KeyStatus.of(snapshot, now, error=error, pause=pause)

    def _unavailable(self, detail: str) -> KeysUnavailable:
        pause = self._gate.not_before - self._clock.monotonic()
        longest = _STORE_INTERVAL if self._by_command else MAX_PAUSE
        pause = min(max(pause, 1.0), longest)
        return KeysUnavailable(detail, retry_after=math.ceil(pause))

    def _may_read(self, now: float) -> bool:
        return now - self._local.read_at >= _STORE_INTERVAL_ON_MISS

    def _may_fetch(self, now: float) -> bool:
        return self._gate.is_open(now, unknown_key=True)

    def _give_up(self, flight: Flight, error: BaseException) -> None:
        """Take ``error`` for a failure to fetch, unless the fetch was done with."""
        now = self._clock.monotonic()
        # It counts as a look, or every request would try again.
        self._local.read_at = now
        if not flight.fetched:
            flight.failed = True
            self._gate.failed(now, "unexpected")
        logger.error(
            "Keys of issuer %s: refreshing failed by a bug, below. Keys known here go "
            "on serving; please report it.",
            self._alias,
            exc_info=error,
            extra={"reason": "refresh_failed", "issuer_alias": self._alias},
        )

    def _plan(self) -> None:
        """Set when a request starts the next routine flight."""
        self._next_look = self._local.read_at + _STORE_INTERVAL
        snapshot = self._local.snapshot
        if snapshot is not None:
            due = max(snapshot.refresh_at, self._gate.not_before)
            self._next_look = min(self._next_look, due)

    def _refresh(self, flight: Flight) -> None:
        """Look at the store; fetch if that is not enough and the fleet agrees."""
        while True:
            changed = self._read()
            now = self._clock.monotonic()
            due = self._is_due(now)
            if not due and (not flight.forced or changed or not self._may_fetch(now)):
                return
            verdict = self._gate.admit(now, unknown_key=not due)
            if verdict is not Verdict.LEASED or not self._is_awaited(flight):
                break
            # Somebody else is fetching just that.
            self._pause(_LOOK_AGAIN)
        # Looked at in any case: who publishes must know what it replaces.
        if verdict is Verdict.GRANTED and self._has_been_done() and due:
            self._gate.succeeded()
        elif verdict is Verdict.GRANTED:
            self._fetch(flight)
        elif verdict is Verdict.LEASED:
            self._gate.stand_back(now)
        else:
            flight.failed = verdict is Verdict.BACKING_OFF

    def _has_been_done(self) -> bool:
        """Whether another process published between our look and our leave."""
        return (
            self._gate.agreed
            and self._read()
            and not self._is_due(self._clock.monotonic())
        )

    def _read(self) -> bool:
        changed = self._local.read()
        if changed and self._local.is_fresh():
            self._gate.recovered()
        self._runway.land(None)
        return changed

    def _is_awaited(self, flight: Flight) -> bool:
        """Whether requests cannot go on without what another process fetches."""
        needed = flight.forced or not self._local.is_usable()
        patience = _WAIT_FOR_KEY if flight.forced else _WAIT_FOR_FIRST
        return needed and self._clock.monotonic() < flight.since + patience

    def _fetch(self, flight: Flight) -> None:
        failing = self._gate.failing
        try:
            record = self._source.fetch(
                self._local.record, rediscover=failing, retry=not failing
            )
        except SourceError as error:
            flight.failed = flight.fetched = True
            self._gate.failed(self._clock.monotonic(), error.code)
            self._report(error)
            return
        self._gate.recovered()
        self._local.install(record)
        flight.fetched = True
        # Waiters go on before the store is written: a slow store is not their concern.
        self._runway.land(flight)
        self._local.publish(record)
        self._gate.succeeded()
        self._report(None)

    def _is_due(self, now: float) -> bool:
        snapshot = self._local.snapshot
        due = snapshot is None or now >= snapshot.refresh_at
        return due and self._gate.is_open(now, unknown_key=False)

    def _report(self, error: SourceError | None) -> None:
        if error is not None:
            logger.warning(
                "Keys of issuer %s: fetch failed: %s. Keys that are known go on "
                "serving; manage.py check_oidc_issuers says what to do.",
                self._alias,
                error,
                extra={"reason": "fetch_failed", "issuer_alias": self._alias},
            )
        if self._on_refresh is not None:
            self._on_refresh(self._alias, error)
