"""Where the time of one request goes, step by step."""

from __future__ import annotations

from collections.abc import Mapping

from ..outcome import Section, Table
from ..remote import Lab, Worker
from ..rounds import Pace, median

__all__ = ["run"]

_CONTESTANTS = {"ours_token": "token only, µs", "ours_user": "local user, µs"}
_LOOPS, _ROUNDS = 200, 10
_ALL = "together: above the bare view"
_NONE = "in no step"


def run(lab: Lab, pace: Pace) -> Section:
    """Measure the steps of a request with an RS256 token."""
    section = Section("Where the time goes")
    workers = {name: lab.worker(name, "rs256", "profile") for name in _CONTESTANTS}
    found: dict[str, Mapping[str, float]] = {}
    for name, worker in workers.items():
        worker.settle()
        if worker.skip:
            raise RuntimeError(f"{name}: {worker.skip}")
        rounds = [_round(worker) for _ in range(max(3, pace.rounds // _ROUNDS))]
        found[name] = {
            step: median([one[step] for one in rounds]) for step in rounds[0]
        }
        section.samples |= {
            f"{name} {step}": [one[step] for one in rounds] for step in rounds[0]
        }
    steps = dict.fromkeys(step for each in found.values() for step in each)
    last = [_NONE, _ALL]
    rows = [
        (step, *(found[name].get(step) for name in _CONTESTANTS))
        for step in [*(each for each in steps if each not in last), *last]
    ]
    section.tables.append(Table(("RS256, step", *_CONTESTANTS.values()), rows))
    section.notes.append(
        "A clock around each step, which costs it about 0.2 µs; a step is timed "
        "without those it calls, and the whole without clocks. In no step: mostly "
        "Django and REST framework, whose own code runs slower after ours than alone. "
        "A bare signature check in the view has the same effect; colder caches and "
        "branch predictions are the likely cause."
    )
    return section


def _round(worker: Worker) -> dict[str, float]:
    """Return microseconds by step, of the whole, and of what no step explains."""
    worker.begin("whole", _LOOPS)
    views = worker.end()
    whole = (views["guarded"] - views["bare"]) / 1000
    worker.begin("steps", _LOOPS)
    steps = {step: spent / 1000 for step, spent in worker.end().items()}
    return {**steps, _NONE: whole - sum(steps.values()), _ALL: whole}
