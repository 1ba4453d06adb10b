"""What a worker can be told to do.

``make(lane)`` of each module returns the jobs, ``loops -> nanoseconds``, and facts for
the hello. A module that guards views proves first that they are guarded.
"""

from __future__ import annotations

import time
from collections.abc import Callable

__all__ = ["Job", "timed"]

Job = Callable[[int], int]


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

    return run
