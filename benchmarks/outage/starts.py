"""Processes start without keys."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from .fleet import THREADS
from .lane import Lane
from .outcome import Outcome
from .traffic import Answer, ask_all

__all__ = ["cold_start", "cold_start_then_recovery", "restart_in_outage"]

_FETCH = 0.3
_OUTAGE = 4.0
_RECOVERY = 20.0


async def cold_start(lane: Lane) -> Outcome:
    """Every thread of every process gets its first token at the same moment."""
    await lane.issuer.set(delay=_FETCH)
    since = time.monotonic()
    async with lane.bench.calm:
        good = await ask_all(lane.fleet.ports, lane.issuer.token(), times=THREADS)
    outcome = Outcome(fetches=len(lane.fleet.dials(since=since)), good=good)
    keys = await lane.issuer.requests(since=since, path="/jwks")
    outcome.facts["fetches of the JWK Set"] = len(keys)
    outcome.all_good()
    outcome.exactly("fetches of the JWK Set", len(keys), 1)
    return outcome


async def restart_in_outage(lane: Lane) -> Outcome:
    """A deployment while the issuer is down; we have run ``sync_oidc_keys`` before."""
    if lane.contestant.is_ours:
        await lane.sync()
    await lane.issuer.set(fault="down")
    await lane.start()
    since = time.monotonic()
    async with lane.bench.calm:
        asked = asyncio.create_task(
            ask_all(lane.fleet.ports, lane.issuer.token(), times=THREADS)
        )
        await asyncio.wait((asked,), timeout=3)
    good = await asked
    outcome = Outcome(fetches=len(lane.fleet.dials(since=since)), good=good)
    outcome.all_good()
    return outcome


async def cold_start_then_recovery(lane: Lane) -> Outcome:
    """No keys anywhere and the issuer down; then it comes back."""
    await lane.issuer.set(fault="down")
    since, token = time.monotonic(), lane.issuer.token()
    refused = await lane.traffic(token, seconds=_OUTAGE)
    await lane.issuer.set(fault=None)
    back = time.monotonic()
    good = await lane.traffic(token, seconds=_RECOVERY)
    recovered = _last_bad(good, back)
    outcome = Outcome(fetches=len(lane.fleet.dials(since=since)), good=good)
    outcome.facts["while down"] = sorted({answer.status for answer in refused})
    outcome.facts["all good again after, s"] = round(recovered, 1)
    wrong = [answer for answer in refused if not _tells_to_retry(answer)]
    outcome.exactly("answers other than 503 with Retry-After", len(wrong), 0)
    outcome.at_most("all good again after, s", recovered, _RECOVERY - 2)
    return outcome


def _tells_to_retry(answer: Answer) -> bool:
    return answer.status == 503 and answer.retry_after.isdigit()


def _last_bad(answers: Sequence[Answer], since: float) -> float:
    """Return when, after ``since``, the last request was sent that failed."""
    return max((a.sent - since for a in answers if not a.is_good), default=0.0)
