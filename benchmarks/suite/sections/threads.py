"""Two threads on two cores: how much of a validation holds the interpreter's lock."""

from __future__ import annotations

import os
from dataclasses import replace
from operator import truediv

from ..outcome import Goal, Section, Table
from ..remote import Lab
from ..rounds import Pace, interleave, median, paired

__all__ = ["run"]

_LEAST = 1.5
# Long enough for the two to find a core each.
_TURN = 0.1


def run(lab: Lab, pace: Pace) -> Section:
    """Measure validations per second of two threads over those of one."""
    section = Section("Threads")
    if (os.cpu_count() or 1) < 2:
        section.notes.append("Skipped: this machine has one core.")
        return section
    worker = lab.worker("ours_token", "es256", "core")
    worker.settle()
    runners = {
        job: lambda loops, job=job: worker.run(job, loops)
        for name in ("verify", "validate")
        for job in (f"{name}, 1 threads", f"{name}, 2 threads")
    }
    longer = replace(pace, turn=_TURN, rounds=1 + pace.rounds // 4)
    samples = interleave(runners, longer)
    rows = []
    for name, title in (("verify", "bare verify"), ("validate", "core validation")):
        one, two = samples[f"{name}, 1 threads"], samples[f"{name}, 2 threads"]
        # Each of the two makes as many loops as the one.
        gain = 2 * paired(truediv, one, two)
        rows.append((title, 1e6 / median(one), 2e6 / median(two), gain))
    section.goals.append(
        Goal("ES256: validations, two threads / one", rows[1][3], _LEAST, most=False)
    )
    section.samples |= samples
    columns = ("ES256", "one thread, 1/s", "two threads, 1/s", "ratio")
    section.tables.append(Table(columns, rows))
    return section
