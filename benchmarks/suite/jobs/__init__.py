"""What a worker can be told to do.

``make(lane)`` of each module returns the jobs, ``loops -> nanoseconds``, and facts for
the hello. A module that guards views proves first that they are guarded.
"""

from __future__ import annotations

import resource
import time
from collections.abc import Callable

__all__ = ["Job", "timed", "undisturbed"]

Job = Callable[[int], int]
_TRIES = 4


def timed(call: Callable[[], object]) -> Job:
    """Return the job that calls ``call`` and does nothing else.

    Twice before the clock runs: others had the processor's caches.
    """

    def run(loops: int) -> int:
        call()
        call()
        start = time.perf_counter_ns()
        for _ in range(loops):
            call()
        return time.perf_counter_ns() - start

    return undisturbed(run)


def undisturbed(run: Job) -> Job:
    """Return ``run``, taken again when the kernel gave the processor to others.

    It says so by counting involuntary switches. On a machine that is never quiet the
    shortest of a few tries must do.
    """

    def again(loops: int) -> int:
        taken = []
        for _ in range(_TRIES):
            before = resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw
            taken.append(run(loops))
            if resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw == before:
                return taken[-1]
        return min(taken)

    return again
