"""One flight at a time: who starts it, who waits for it, and for how long."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from ..clock import Clock
from .snapshot import KeysPending

__all__ = ["Flight", "Runway"]

_LOST = 60.0


@dataclass(slots=True, eq=False)
class Flight:
    """One look at the store and, if need be, the network.

    It has ``landed`` once what it brings is in force, and is ``over`` once that is
    stored too. ``since`` is when it began, in monotonic seconds; ``forced`` tells that
    it looks for a key nobody knows; ``waiters`` counts the requests that wait.
    """

    forced: bool
    since: float
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


class Runway:
    """Holds the flight under way, and those who wait for it.

    Args:
        clock, spawn: the seams; ``spawn`` runs a function off the request path.
        fly: does the work of a flight.
        crashed: told of the exception that ended a flight, or kept it from starting.
        cleared: called with the lock held when a flight is over.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        spawn: Callable[[Callable[[], None]], None],
        fly: Callable[[Flight], None],
        crashed: Callable[[Flight, BaseException], None],
        cleared: Callable[[], None],
    ) -> None:
        """Start empty."""
        self._clock = clock
        self._spawn = spawn
        self._fly = fly
        self._crashed = crashed
        self._cleared = cleared
        # Guards the flight and its waiters. All else is written by the flight alone.
        self.progress = threading.Condition(threading.Lock())
        self.flight: Flight | None = None

    def under_way(self) -> Flight | None:
        """Return the flight under way, if any. The caller holds the lock.

        One that is a minute old is lost: its thread was interrupted before it began.
        """
        flight = self.flight
        if flight is not None and self._clock.monotonic() - flight.since > _LOST:
            self.flight = flight = None
        return flight

    def board(self, *, forced: bool) -> Flight:
        """Return a new flight, not started yet. The caller holds the lock."""
        self.flight = Flight(forced=forced, since=self._clock.monotonic())
        return self.flight

    def launch(self, flight: Flight) -> None:
        """Start ``flight``."""
        try:
            self._spawn(lambda: self._run(flight))
        except BaseException as error:
            # What never starts must end too, or nothing would ever start again.
            if not flight.over:
                self._crash(flight, error)
            if not isinstance(error, Exception):
                raise

    def wait(
        self,
        flight: Flight,
        until: Callable[[], bool],
        *,
        start: bool,
        wait: bool,
        deadline: float,
    ) -> bool:
        """Start ``flight`` if it is ours; tell whether ``until`` came true in time.

        The caller counts among the flight's waiters already.

        Raises:
            KeysPending: it takes waiting, and ``wait`` is false.
        """
        if start:
            self.launch(flight)
        with self.progress:
            try:
                left = max(0.0, deadline - self._clock.monotonic())
                if not wait and left and not until():
                    raise KeysPending
                return self.progress.wait_for(until, left)
            finally:
                flight.waiters -= 1

    def land(self, flight: Flight | None) -> None:
        """Let those who wait look again; ``flight`` has landed, if it is given."""
        with self.progress:
            if flight is not None:
                flight.landed = True
            self.progress.notify_all()

    def _run(self, flight: Flight) -> None:
        try:
            self._fly(flight)
        except BaseException as error:
            self._crash(flight, error)
            if not isinstance(error, Exception):
                raise
        else:
            self._end(flight)

    def _crash(self, flight: Flight, error: BaseException) -> None:
        try:
            self._crashed(flight, error)
        finally:
            self._end(flight)

    def _end(self, flight: Flight) -> None:
        with self.progress:
            self._cleared()
            if self.flight is flight:
                self.flight = None
            flight.landed = flight.over = True
            self.progress.notify_all()
