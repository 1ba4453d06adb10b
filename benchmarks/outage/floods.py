"""Somebody sends tokens with random key IDs."""

from __future__ import annotations

import asyncio
import time
from collections import Counter

from .lane import Lane
from .outcome import Outcome, busiest
from .traffic import stream

__all__ = ["unknown_kids"]

_TOKENS, _SECONDS = 1000, 30
_FETCH = 1.0


async def unknown_kids(lane: Lane) -> Outcome:
    """Distinct unknown ``kid``s beside good traffic; a fetch takes a second."""
    seconds = _SECONDS // 3 if lane.bench.quick else _SECONDS
    count = _TOKENS * seconds // _SECONDS
    await lane.warm()
    await lane.cool()
    await lane.issuer.set(delay=_FETCH)
    forgeries = lane.issuer.forgeries(count)
    since = time.monotonic()
    bad, good = await asyncio.gather(
        stream(lane.fleet.ports, forgeries, per_second=count / seconds),
        lane.traffic(lane.issuer.token(), seconds=seconds, per_second=20),
    )
    dials = lane.fleet.dials(since=since)
    outcome = Outcome(fetches=len(dials), good=good)
    statuses = Counter(answer.status for answer in bad)
    outcome.facts["answers to the flood"] = dict(sorted(statuses.items()))
    outcome.all_good()
    outcome.at_most("fetches in any 30 s", busiest((dial.at for dial in dials), 30), 2)
    outcome.at_least("fetches", outcome.fetches, 1)
    # A wait for the fetch would be a second.
    outcome.at_most("worst wait, ms: no wait for the fetch", outcome.took, 500 * _FETCH)
    outcome.exactly(
        "forged tokens answered other than 401 or 503",
        sum(statuses.values()) - statuses[401] - statuses[503],
        0,
    )
    return outcome
