"""Django without REST framework: the decorator on sync and async views."""

from __future__ import annotations

from operator import sub

from ..outcome import Section, Table
from ..remote import Lab
from ..rounds import Pace, interleave, median, paired

__all__ = ["run"]

_KINDS = {"bare": "bare view", "token": "token only", "user": "local user"}
_ALGORITHMS = ("RS256", "ES256", "EdDSA")


def run(lab: Lab, pace: Pace) -> Section:
    """Measure ``@access_token_required`` above the bare view."""
    section = Section("A plain Django request")
    workers = {
        algorithm: lab.worker("ours_user", algorithm.lower(), "plain")
        for algorithm in _ALGORITHMS
    }
    for worker in workers.values():
        worker.settle()
    runners = {
        (algorithm, f"{way} {kind}"): (
            lambda loops, worker=worker, job=f"{way} {kind}": worker.run(job, loops)
        )
        for algorithm, worker in workers.items()
        for way in ("sync", "async")
        for kind in _KINDS
    }
    samples = interleave(runners, pace)
    columns = ("view", *(f"{name}, above bare, µs" for name in _ALGORITHMS))
    rows = []
    for way in ("sync", "async"):
        for kind, title in _KINDS.items():
            cells = []
            for algorithm in _ALGORITHMS:
                mine = samples[algorithm, f"{way} {kind}"]
                bare = samples[algorithm, f"{way} bare"]
                cost = median(bare) if kind == "bare" else paired(sub, mine, bare)
                cells.append(cost)
                section.samples[f"{algorithm} {way} {kind}"] = mine
            name = f"{way}, {title}"
            rows.append((f"{name} (whole request)" if kind == "bare" else name, *cells))
    section.tables.append(Table(columns, rows))
    section.notes.append(
        "In process, through Django's handlers; the async views one after the other in "
        "one event loop. The ORM has no native async: a local user costs an async view "
        "a trip to a thread."
    )
    return section
