"""A clock that a whole fleet shares and that can be put forward while it runs.

Lifetimes pass without anybody waiting for an hour: what ``time.time``, ``monotonic``
and ``clock_gettime`` say in every process gains the same seconds at the same moment.
They are replaced for all contestants alike. Timeouts of sockets, locks and conditions
stay real.
"""

from __future__ import annotations

import mmap
import struct
import time
from pathlib import Path

__all__ = ["SLOTS", "SharedClock", "install", "real_monotonic"]

SLOTS = 16
real_monotonic = time.monotonic
"""The machine's own clock, which all processes share."""
_SECONDS = struct.Struct("=d")


class SharedClock:
    """Seconds to add, in a file: one number for all, and one per slot's wall clock.

    Attributes:
        slot: which of the fleet's "hosts" this process is on.
    """

    def __init__(self, path: Path) -> None:
        """Open the file at ``path``."""
        with path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), _SECONDS.size * (SLOTS + 1))
        self.slot = 0

    @classmethod
    def create(cls, path: Path) -> SharedClock:
        """Make the file, with nothing to add."""
        path.write_bytes(bytes(_SECONDS.size * (SLOTS + 1)))
        return cls(path)

    def _get(self, place: int) -> float:
        (seconds,) = _SECONDS.unpack_from(self._map, place * _SECONDS.size)
        return float(seconds)

    def _set(self, place: int, seconds: float) -> None:
        _SECONDS.pack_into(self._map, place * _SECONDS.size, seconds)

    @property
    def offset(self) -> float:
        """Seconds added to both clocks of every process."""
        return self._get(0)

    @property
    def skew(self) -> float:
        """Seconds added to the wall clock of this process's slot besides."""
        return self._get(1 + self.slot)

    def put_forward(self, seconds: float) -> None:
        """Let ``seconds`` pass, now and everywhere."""
        self._set(0, self.offset + seconds)

    def set_skew(self, slot: int, seconds: float) -> None:
        """Let the wall clock of ``slot`` be wrong by ``seconds``."""
        self._set(1 + slot, seconds)


def install(path: Path) -> SharedClock:
    """Replace this process's clocks; before anything has a chance to import them."""
    clock = SharedClock(path)
    real_time, real_gettime = time.time, time.clock_gettime

    def wall() -> float:
        return real_time() + clock.offset + clock.skew

    def monotonic() -> float:
        return real_monotonic() + clock.offset

    def gettime(which: int) -> float:
        extra = clock.skew if which == time.CLOCK_REALTIME else 0.0
        return real_gettime(which) + clock.offset + extra

    time.time, time.monotonic, time.clock_gettime = wall, monotonic, gettime
    return clock
