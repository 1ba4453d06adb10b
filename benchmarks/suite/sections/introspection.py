"""What asking the authorization server costs, and what is seen for it.

One view, one server that every contestant has a tenant of, and tokens made alike.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from operator import truediv
from typing import Any

from ..outcome import Cell, Section, Table
from ..remote import Issuer, Lab, Worker
from ..rounds import Pace, interleave, median, paired

__all__ = ["CONTESTANTS", "DELAY", "run"]

DELAY = 5.0

CONTESTANTS = (
    "ours_live",
    "ours_cached",
    "ours_cached_redis",
    "ours_hybrid",
    "toolkit",
    "toolkit_short",
    "pyoidc",
    "pyoidc_cached",
)
# Who meets made-up tokens just as another row of the package does.
_ALIKE = frozenset(("ours_cached_redis", "toolkit_short", "pyoidc_cached"))
_NEEDED = frozenset(("ours_live", "ours_cached", "ours_hybrid"))
_REQUESTS, _MADE_UP, _PER = 500, 1000, 1000
# Seconds. The revocation is waited for a little longer than answers serve that are
# said to serve thirty; a server that hangs, longer than anybody's timeout.
_REVOCATION, _HANGING = 33, 12
_ROUNDS, _TURN = 9, 0.2


def run(
    lab: Lab, pace: Pace, redis: str | None = None, delay: float = DELAY
) -> Section:
    """Measure every contestant: its pace alone, its troubles beside the others.

    ``redis`` is the URL of a server for who keeps answers there; ``delay`` is how many
    milliseconds the authorization server takes for an answer.
    """
    section = Section("Asking the authorization server")
    server = Issuer(
        lab.python,
        lab.folder,
        "benchmarks.suite.authorization_server",
        str(delay),
        log="authorization_server.log",
    )
    try:
        workers = _start(lab, server, redis, section)
        samples = _paces(workers, pace)
        asked = _all(workers, "calls", _REQUESTS)
        floods = _one_by_one(workers, "flood", _MADE_UP)
        # Wait before the server hangs: what the flood has used up is there again.
        revoked = _all(workers, "revocation", _REVOCATION)
        hung = _hang(workers, server)
    finally:
        server.close()
    section.samples |= {f"{name}, µs": values for name, values in samples.items()}
    section.tables += [
        _table(workers, samples, asked, revoked),
        _floods(workers, floods),
        _hangs(workers, hung),
    ]
    took = f"The server takes {delay:g} ms for an answer, as one elsewhere would."
    section.notes += [" ".join(note.split()) for note in (took, _HOW, _SEEN, _TROUBLE)]
    return section


def _start(
    lab: Lab, server: Issuer, redis: str | None, section: Section
) -> dict[str, Worker]:
    workers = {}
    for name in CONTESTANTS:
        workers[name] = lab.worker(
            f"introspection.{name}",
            "es256",
            "introspection",
            callers=20,
            issuer=f"{server.base}/{name}",
            redis=redis,
        )
    for name, worker in list(workers.items()):
        worker.settle()
        if worker.skip:
            if name in _NEEDED:
                raise RuntimeError(f"{name}: {worker.skip}")
            section.notes.append(f"Skipped: {name}: {worker.skip}")
            del workers[name]
    return workers


def _paces(workers: Mapping[str, Worker], pace: Pace) -> dict[str, list[float]]:
    runners = {
        name: lambda loops, worker=worker: worker.run("requests", loops)
        for name, worker in workers.items()
    }
    rounds = min(pace.rounds, _ROUNDS)
    return interleave(runners, replace(pace, rounds=rounds, turn=_TURN))


def _all(
    workers: Mapping[str, Worker], job: str, loops: int
) -> dict[str, dict[str, Any]]:
    """Return what each found, all at the same time."""
    for worker in workers.values():
        worker.begin(job, loops)
    return {name: dict(worker.end()) for name, worker in workers.items()}


def _one_by_one(
    workers: Mapping[str, Worker], job: str, loops: int
) -> dict[str, dict[str, Any]]:
    """Return what each found, alone on the machine: here it hangs on the pace."""
    found = {}
    for name, worker in workers.items():
        if name not in _ALIKE:
            worker.begin(job, loops)
            found[name] = dict(worker.end())
    return found


def _hang(workers: Mapping[str, Worker], server: Issuer) -> dict[str, dict[str, Any]]:
    server.order("all", {"hang": True})
    for worker in workers.values():
        worker.begin("hanging", _HANGING)
    time.sleep(_HANGING)
    # Who has no timeout would wait for ever.
    server.order("all", {"hang": False})
    return {name: dict(worker.end()) for name, worker in workers.items()}


def _table(
    workers: Mapping[str, Worker],
    samples: Mapping[str, Sequence[float]],
    asked: Mapping[str, dict[str, Any]],
    revoked: Mapping[str, dict[str, Any]],
) -> Table:
    columns = (
        "20 callers, one request in ten writes",
        "requests/s",
        "/ live",
        f"outbound calls per {_PER:,} requests",
        "of them questions",
        "revoked: reads refused after, s",
        "writes refused after, s",
    )
    rows: list[tuple[Cell, ...]] = [
        (
            worker.hello["title"],
            1e6 / median(samples[name]),
            paired(truediv, samples["ours_live"], samples[name]),
            *(
                f"{asked[name][what] * _PER / _REQUESTS:,.0f}"
                for what in ("requests", "questions")
            ),
            *(_seconds(revoked[name][method]) for method in ("GET", "POST")),
        )
        for name, worker in workers.items()
    ]
    return Table(columns, rows)


def _seconds(seen: float | None) -> str:
    return f"not in {_REVOCATION}" if seen is None else f"{seen:.1f}"


def _floods(
    workers: Mapping[str, Worker], floods: Mapping[str, dict[str, Any]]
) -> Table:
    columns = (
        f"{_MADE_UP:,} made-up tokens",
        "questions",
        "outbound calls",
        "seconds",
        "answered, status: requests",
    )
    rows: list[tuple[Cell, ...]] = [
        (
            workers[name].hello["title"],
            f"{flood['questions']:,}",
            f"{flood['requests']:,}",
            flood["seconds"],
            _statuses(flood["statuses"]),
        )
        for name, flood in floods.items()
    ]
    return Table(columns, rows)


def _hangs(workers: Mapping[str, Worker], hung: Mapping[str, dict[str, Any]]) -> Table:
    columns = (
        f"the server hangs for {_HANGING} s",
        "ms a request, median",
        "mean",
        "longest",
        "questions",
        "answered, status: requests",
    )
    rows: list[tuple[Cell, ...]] = []
    for name, worker in workers.items():
        taken = hung[name]["milliseconds"]
        rows.append(
            (
                worker.hello["title"],
                median(taken),
                sum(taken) / len(taken),
                max(taken),
                str(hung[name]["questions"]),
                _statuses(hung[name]["statuses"]),
            )
        )
    return Table(columns, rows)


def _statuses(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{status}: {count}" for status, count in sorted(counts.items()))


_HOW = """Requests are made by two threads through Django's handler, and have a user;
turns are long, and none is taken again. Plain http on loopback: what TLS adds is not in
it. Before anything is measured a good token is let in; an unknown, a missing and a
revoked one are not. Tokens are opaque, but hybrid's, whose JWTs are checked here for
reads: a read that must see a revocation says so by `introspect`."""
_SEEN = """Outbound calls: of callers with new tokens, fifty requests each, in less time
than any answer serves; two requests of a caller come at once, so that whoever asks for
each asks twice about a new token. Revoked: a caller who has just been let in tries
again and again, four times a second."""
_TROUBLE = """Made-up tokens are opaque for all, two threads send them; a caller known
from before is let in after them. Rows left out are as the other of their package. The
server hangs: it takes questions and answers none. Requests come with tokens that are
good and new, one after the other, 50 ms apart; a 200 is one that was waiting when the
server came back, or a read of hybrid's. Who waited to the end has no timeout."""
