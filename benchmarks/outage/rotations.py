"""Keys come and go."""

from __future__ import annotations

import asyncio
import time

from .lane import Lane
from .outcome import Outcome
from .traffic import ask, ask_all

__all__ = ["new_key", "slow_old_answer", "withdrawn_key"]

_FETCH = 0.3
_POLL = 0.25
_GIVE_UP = 25.0
_EVERYWHERE = 15.0


async def new_key(lane: Lane) -> Outcome:
    """The first request with the new key, in every process at once."""
    bench = lane.bench
    await lane.warm()
    await lane.cool()
    await lane.issuer.publish(bench.old, bench.new, delay=_FETCH)
    since, asked = await lane.first(lane.issuer.token(bench.new))
    good = await asked
    outcome = Outcome(fetches=len(lane.fleet.dials(since=since)), good=good)
    outcome.all_good()
    outcome.at_most("fetches", outcome.fetches, 2)
    return outcome


async def withdrawn_key(lane: Lane) -> Outcome:
    """A key is replaced; one process learns it from the first token of the new key."""
    bench = lane.bench
    await lane.warm()
    await lane.cool()
    old_token, new_token = lane.issuer.token(), lane.issuer.token(bench.new)
    await lane.issuer.publish(bench.new)
    since = time.monotonic()
    good = [await ask(lane.fleet.ports[0], new_token, slot=0)]
    learnt = time.monotonic()
    refused_at: dict[int, float] = {}
    everywhere = False
    while not everywhere and time.monotonic() - learnt < _GIVE_UP:
        for answer in await ask_all(lane.fleet.ports, old_token):
            if answer.status == 401:
                refused_at.setdefault(answer.slot, answer.sent - learnt)
            else:
                refused_at.pop(answer.slot, None)
        everywhere = len(refused_at) == len(lane.fleet.ports)
        await asyncio.sleep(_POLL)
    good += await ask_all(lane.fleet.ports, new_token)
    outcome = Outcome(fetches=len(lane.fleet.dials(since=since)), good=good)
    seconds = max(refused_at.values(), default=0.0) if everywhere else float("inf")
    outcome.facts["refused everywhere after, s"] = (
        round(seconds, 1) if everywhere else f"never within {_GIVE_UP:g}"
    )
    outcome.all_good()
    outcome.at_most("refused everywhere after, s", seconds, _EVERYWHERE)
    return outcome


async def slow_old_answer(lane: Lane) -> Outcome:
    """An answer that set out before the rotation arrives after a newer one."""
    bench, ports = lane.bench, lane.fleet.ports
    await lane.warm()
    await lane.cool()
    old_token, new_token = lane.issuer.token(), lane.issuer.token(bench.new)
    await lane.issuer.set(delay=4.0)
    since = time.monotonic()
    (forged,) = lane.issuer.forgeries(1)
    slow = asyncio.create_task(ask(ports[0], forged, slot=0))
    await lane.fleet.dialled(since=since, within=3)
    await asyncio.sleep(0.1)
    await lane.issuer.publish(bench.new, delay=0)
    await lane.sync()
    synced = time.monotonic() - since
    await slow
    # The old answer is in by now, and has had its chance to be published.
    await asyncio.sleep(max(0.0, since + 5 - time.monotonic()))
    good = await ask_all(ports, new_token)
    await asyncio.sleep(max(0.0, since + synced + _EVERYWHERE + 1 - time.monotonic()))
    await ask_all(ports, new_token)
    await asyncio.sleep(1)
    good += await ask_all(ports, new_token)
    revived = [a for a in await ask_all(ports, old_token) if a.status != 401]
    outcome = Outcome(fetches=len(lane.fleet.dials(since=since)), good=good)
    outcome.facts["the newer answer came after, s"] = round(synced, 1)
    outcome.all_good()
    outcome.at_most("the newer answer came before the old one, s", synced, 4.0)
    outcome.exactly("processes that trust the withdrawn key", len(revived), 0)
    return outcome
