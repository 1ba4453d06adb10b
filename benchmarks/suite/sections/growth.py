"""What must not grow with issuers, keys and users."""

from __future__ import annotations

from operator import truediv
from typing import Any

from ..outcome import Goal, Section, Table
from ..remote import Lab, Worker
from ..rounds import Pace, interleave, median, paired

__all__ = ["USERS", "run"]

_ISSUERS, _KEYS, USERS = (1, 10, 1_000), (1, 10, 100), (10_000, 100_000, 1_000_000)
_CALLERS = 64
_FLAT = 1.10


def run(lab: Lab, pace: Pace, *, most_users: int = USERS[-1]) -> Section:
    """Measure validation by issuers and keys, the request with its user by users."""
    section = Section("Growth")
    _by_issuers(lab, pace, section)
    lab.dismiss()
    _by_keys(lab, pace, section)
    lab.dismiss()
    counts = [*(number for number in USERS if number < most_users), most_users]
    _by_users(lab, pace, section, counts)
    lab.dismiss()
    section.notes.append(
        "ES256. Issuers and keys: core validation of tokens of one issuer, whose key "
        f"is the last of its set. Users: the request with a local user, {_CALLERS} of "
        "them in turn, in SQLite. The ratio is to the row of the smallest."
    )
    return section


def _by_issuers(lab: Lab, pace: Pace, section: Section) -> None:
    workers = {}
    for number in _ISSUERS:
        more = [f"{lab.issuer.base}/es256-1-other{n}" for n in range(1, number)]
        mine = f"{lab.issuer.base}/es256-1-ours_token"
        middle = number // 2
        issuers = [*more[:middle], mine, *more[middle:]]
        workers[number] = lab.worker("ours_token", "es256-1", "core", issuers=issuers)
    _compare(workers, "validate", pace, section, "issuers")


def _by_keys(lab: Lab, pace: Pace, section: Section) -> None:
    workers = {
        number: lab.worker("ours_token", f"es256-{number}", "core") for number in _KEYS
    }
    _compare(workers, "validate", pace, section, "keys in the set")


def _by_users(lab: Lab, pace: Pace, section: Section, counts: list[int]) -> None:
    workers = {
        number: lab.worker("ours_user", "es256", "drf", users=number, callers=_CALLERS)
        for number in counts
    }
    _compare(workers, "guarded", pace, section, "users")


def _compare(
    workers: dict[int, Worker], job: str, pace: Pace, section: Section, what: str
) -> None:
    for number, worker in workers.items():
        worker.settle()
        if worker.skip:
            raise RuntimeError(f"{number} {what}: {worker.skip}")
    runners: dict[Any, Any] = {
        number: lambda loops, worker=worker: worker.run(job, loops)
        for number, worker in workers.items()
    }
    samples = interleave(runners, pace)
    least, *others = workers
    ratios = {n: paired(truediv, samples[n], samples[least]) for n in workers}
    rows = [(f"{n:,}", median(samples[n]), ratios[n]) for n in workers]
    section.tables.append(Table((what, "µs", "ratio"), rows))
    section.samples |= {f"{n} {what}": values for n, values in samples.items()}
    section.goals += [
        Goal(f"{n:,} {what} / {least:,}", ratios[n], _FLAT) for n in others
    ]
