"""The validation of a token, above the signature check it cannot do without."""

from __future__ import annotations

from operator import truediv

from ..outcome import Goal, Section, Table
from ..remote import Lab
from ..rounds import Pace, interleave, median, paired

__all__ = ["run"]

# ES384 has no goal: it is there to look at.
_GOALS = {"RS256": 2.0, "ES256": 1.4, "EdDSA": 1.3, "ES384": None}


def run(lab: Lab, pace: Pace) -> Section:
    """Measure ``ResourceServer.validate`` beside ``cryptography``'s ``verify``."""
    section = Section("Core validation")
    workers = {
        algorithm: lab.worker("ours_token", algorithm.lower(), "core")
        for algorithm in _GOALS
    }
    for worker in workers.values():
        worker.settle()
    runners = {
        (algorithm, job): lambda loops, worker=worker, job=job: worker.run(job, loops)
        for algorithm, worker in workers.items()
        for job in ("verify", "validate")
    }
    samples = interleave(runners, pace)
    rows = []
    for algorithm, limit in _GOALS.items():
        verify, validate = (samples[algorithm, job] for job in ("verify", "validate"))
        ratio = paired(truediv, validate, verify)
        goal = None
        if limit is not None:
            goal = Goal(f"{algorithm}: validation / bare verify", ratio, limit)
            section.goals.append(goal)
        wanted = goal.wanted if goal else None
        rows.append((algorithm, median(verify), median(validate), ratio, wanted))
        section.samples[f"{algorithm} verify"] = verify
        section.samples[f"{algorithm} validate"] = validate
    columns = ("algorithm", "bare verify, µs", "validation, µs", "ratio", "goal")
    section.tables.append(Table(columns, rows))
    section.notes.append(
        "Bare verify: `cryptography` alone, key, signature and signed bytes at hand. "
        "Validation: from the raw token to the access token, no user."
    )
    return section
