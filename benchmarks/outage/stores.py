"""What the processes share fails them: the store, each other, the clocks."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from .database import RECORDS, STATES, Database
from .lane import LIFETIME, Lane
from .outcome import Outcome
from .traffic import ask_all

__all__ = ["holder_killed", "skewed_clocks", "store_fault"]

_WORST = 250
_FETCH = 2.0
_REQUESTS = 5
_POISON = '{"keys": [{"kty": "RSA", "kid": "poison"'


@contextmanager
def _flushed(database: Database) -> Iterator[None]:
    database.execute(f"DELETE FROM {RECORDS}")
    database.execute(f"DELETE FROM {STATES}")
    yield


@contextmanager
def _poisoned(database: Database) -> Iterator[None]:
    database.execute(f"UPDATE {RECORDS} SET jwks = ?, version = version + 1", _POISON)
    database.execute(f"UPDATE {STATES} SET state = ?, version = version + 1", _POISON)
    yield


_FAULTS: dict[str, Callable[[Database], AbstractContextManager[None]]] = {
    "flushed": _flushed,
    "poisoned": _poisoned,
    "unreachable": lambda database: database.unreachable(),
    "locked": lambda database: database.locked(),
}


def store_fault(fault: str) -> Callable[[Lane], Awaitable[Outcome]]:
    """Return the scenario: the store fails, first with the issuer, then without it."""

    async def scenario(lane: Lane) -> Outcome:
        bench = lane.bench
        await lane.warm()
        token = lane.issuer.token()
        since = time.monotonic()
        lane.pass_time(LIFETIME)
        with _FAULTS[fault](lane.database):
            await lane.issuer.set(fault="down")
            good = await lane.traffic(token, seconds=6)
            await lane.issuer.set(fault=None)
            good += await lane.traffic(token, seconds=6)
            refreshed = len(await lane.issuer.requests(since=since, path="/jwks"))
            await lane.issuer.publish(bench.old, bench.new)
            rotated = await _ask_until_good(lane, lane.issuer.token(bench.new))
        outcome = Outcome(fetches=len(lane.fleet.dials(since=since)), good=good)
        outcome.facts["new key known at request"] = rotated
        outcome.all_good()
        outcome.at_most("worst wait, ms", outcome.took, _WORST)
        outcome.at_least("fetches once the issuer is back", refreshed, 1)
        # A store that hangs may cost the first request an answer of 503.
        outcome.at_most(
            "the request at which every process knows a new key",
            rotated,
            2 if fault == "locked" else 1,
        )
        return outcome

    return scenario


async def _ask_until_good(lane: Lane, token: str) -> float:
    """Return at which request, a second apart, every process accepts ``token``."""
    for attempt in range(1, _REQUESTS + 1):
        answers = await ask_all(lane.fleet.ports, token)
        if all(answer.is_good for answer in answers):
            return attempt
        await asyncio.sleep(1)
    return float("inf")


async def holder_killed(lane: Lane) -> Outcome:
    """The process that fetches for all is killed in the middle of it."""
    await lane.warm()
    token = lane.issuer.token()
    await lane.issuer.set(delay=_FETCH)
    since = lane.pass_time(LIFETIME)
    running = asyncio.create_task(lane.traffic(token, seconds=15))
    holder = await lane.fleet.dialled(since=since, within=5)
    await asyncio.sleep(0.3)
    slot = None if holder is None else lane.fleet.slot_of(holder.pid)
    killed = time.monotonic()
    if slot is not None:
        lane.fleet.kill(slot)
    answers = await running
    # What the dead process was answering died with it.
    good = [a for a in answers if a.slot != slot or a.sent > killed + 3]
    dials = lane.fleet.dials(since=since)
    after = [
        round(dial.at - killed, 1)
        for dial in dials
        if holder is not None and dial.pid != holder.pid
    ]
    outcome = Outcome(fetches=len(dials), good=good)
    outcome.facts["the next fetch began after the kill, s"] = after
    outcome.all_good()
    outcome.at_most(
        "seconds until another process fetched",
        min((s for s in after if s > 0), default=float("inf")),
        15,
    )
    outcome.at_most("worst wait, ms", outcome.took, _WORST)
    return outcome


async def skewed_clocks(lane: Lane) -> Outcome:
    """Every other process's wall clock is two minutes behind the rest."""
    bench, ports = lane.bench, lane.fleet.ports
    for slot in range(len(ports)):
        lane.fleet.clock.set_skew(slot, -60 if slot % 2 else 60)
    await lane.warm()
    since = lane.pass_time(LIFETIME)
    good = await lane.traffic(lane.issuer.token(), seconds=15)
    keys = await lane.issuer.requests(since=since, path="/jwks")
    await lane.issuer.publish(bench.old, bench.new)
    good += await ask_all(ports, lane.issuer.token(bench.new))
    outcome = Outcome(fetches=len(lane.fleet.dials(since=since)), good=good)
    outcome.facts["fetches of the JWK Set before the rotation"] = len(keys)
    outcome.all_good()
    outcome.exactly("fetches of the JWK Set for one lifetime", len(keys), 1)
    return outcome
