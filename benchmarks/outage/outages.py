"""The issuer fails once the keys' lifetime has passed."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

from .lane import LIFETIME, Lane
from .outcome import Outcome

__all__ = ["outage"]

_SECONDS, _QUICK = 60.0, 12.0
_FIRST_WAIT = 50
_WORST = 250
_ATTEMPTS = 7


def outage(fault: str) -> Callable[[Lane], Awaitable[Outcome]]:
    """Return the scenario: ``fault`` for a minute, with good traffic all along."""

    async def scenario(lane: Lane) -> Outcome:
        seconds = _QUICK if lane.bench.quick else _SECONDS
        await lane.warm()
        token = lane.issuer.token()
        await lane.issuer.set(fault=fault)
        since, first_asked = await lane.first(token, after=LIFETIME)
        left = seconds - (time.monotonic() - since)
        rest = await lane.traffic(token, seconds=left)
        first = await first_asked
        until = since + seconds
        dials = [dial for dial in lane.fleet.dials(since=since) if dial.at < until]
        failed = [
            request.at
            for request in await lane.issuer.requests(since=since)
            if request.fault and request.at < until
        ]
        attempts = len(dials) if fault == "down" else len(failed)
        outcome = Outcome(fetches=len(dials), good=[*first, *rest])
        first_wait = 1000 * max(answer.took for answer in first)
        outcome.facts["first wait, ms"] = round(first_wait, 1)
        outcome.facts["failed attempts"] = attempts
        outcome.facts["attempts at, s"] = [
            round(moment - since, 1)
            for moment in sorted(failed or [dial.at for dial in dials])
        ][:40]
        outcome.all_good()
        outcome.at_most("first wait, ms", first_wait, _FIRST_WAIT)
        outcome.at_most("worst wait, ms", outcome.took, _WORST)
        outcome.at_most(f"attempts in {seconds:g} s", attempts, _ATTEMPTS)
        outcome.at_least(f"attempts in {seconds:g} s", attempts, 2)
        return outcome

    return scenario
