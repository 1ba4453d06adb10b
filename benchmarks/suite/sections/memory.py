"""What a process weighs after a thousand requests."""

from __future__ import annotations

from ..outcome import Section, Table
from ..remote import Lab
from ..rounds import Pace, median

__all__ = ["run"]

_CONTESTANTS = ("bare", "ours_token", "ours_user", "simplejwt_token", "simplejwt_user")
_REQUESTS, _REPEATS = 1000, 3


def run(lab: Lab, pace: Pace) -> Section:
    """Measure resident memory, in fresh processes, the median of three."""
    section = Section("Memory")
    sizes: dict[str, list[float]] = {name: [] for name in _CONTESTANTS}
    titles: dict[str, str] = {}
    for _ in range(_REPEATS if pace.repeats > 3 else 1):
        workers = [lab.worker(name, "es256", "drf") for name in _CONTESTANTS]
        for worker in workers:
            worker.settle()
            if worker.skip:
                section.notes.append(f"Skipped: {worker.name}: {worker.skip}")
                continue
            titles[worker.name] = worker.hello["title"]
            worker.run("guarded", _REQUESTS)
            sizes[worker.name].append(worker.run("resident", 1) / 2**20)
        lab.dismiss()
    bare = median(sizes["bare"])
    rows = [
        (
            title,
            median(sizes[name]),
            median(sizes[name]) - bare,
            median(sizes[name]) / bare,
        )
        for name, title in titles.items()
    ]
    section.samples |= sizes
    section.tables.append(Table(("process", "MiB", "above bare", "ratio"), rows))
    section.notes.append(
        f"Resident memory of a Django process after {_REQUESTS:,} requests (ES256)."
    )
    return section
