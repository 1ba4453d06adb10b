"""One scenario's stage: an issuer, a fleet and a database of their own."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import repeat
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .database import Database
from .fleet import Contestant, Fleet, new_fleet
from .remote import Issuer, running_issuer
from .traffic import Answer, ask_all, stream

if TYPE_CHECKING:
    from django_oidc_rs.testing.signing import SigningKey

__all__ = ["COOLED", "LIFETIME", "Bench", "Lane", "open_lane"]

LIFETIME = 3700.0
"""Seconds after which every contestant's keys and metadata are past their lifetime."""
COOLED = 60.0
"""Seconds after which cooldowns are over, and no lifetime is."""
_MEASURE = 1.0


@dataclass(slots=True)
class Bench:
    """What all lanes share.

    Attributes:
        template: a database with our tables.
        old, new: signing keys; making one takes a while.
        quick: shorter runs, for a look.
        calm: held while something is measured that others of its kind would disturb.
        starting: how many fleets start at the same time.
    """

    folder: Path
    template: Database
    old: SigningKey
    new: SigningKey
    quick: bool
    calm: asyncio.Lock = field(default_factory=asyncio.Lock)
    starting: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(2))


@dataclass(slots=True)
class Lane:
    """The stage; ``database`` is of use to us alone."""

    bench: Bench
    contestant: Contestant
    issuer: Issuer
    fleet: Fleet
    database: Database
    bare: list[Answer] = field(default_factory=list)

    async def start(self) -> None:
        """Start the processes."""
        async with self.bench.starting:
            await self.fleet.start()

    async def warm(self) -> None:
        """Let every process answer one good token."""
        for _ in range(3):
            answers = await ask_all(self.fleet.ports, self.issuer.token())
            if all(answer.is_good for answer in answers):
                return
            await asyncio.sleep(1)
        statuses = [answer.status for answer in answers]
        raise RuntimeError(f"cannot be warmed up: {statuses}; {self.fleet.log()}")

    async def first(
        self, token: str, *, after: float = 0
    ) -> tuple[float, asyncio.Task[list[Answer]]]:
        """Let ``after`` seconds pass and ask every process once, all at once.

        No other lane does so in the same second; the answers may take longer to come.
        Returns the moment as well.
        """
        async with self.bench.calm:
            since = self.pass_time(after)
            task = asyncio.create_task(ask_all(self.fleet.ports, token))
            await asyncio.sleep(_MEASURE)
        return since, task

    async def cool(self) -> None:
        """Let cooldowns pass, and every process look at the store just now."""
        self.pass_time(COOLED)
        for _ in range(3):
            await ask_all(self.fleet.ports, self.issuer.token())
            await asyncio.sleep(0.4)

    async def traffic(
        self, token: str, *, seconds: float, per_second: float = 8
    ) -> list[Answer]:
        """Send a good token at an even pace to all processes in turn.

        A view without authentication is asked beside it: its waits are the machine's.
        """
        good, bare = await asyncio.gather(
            stream(
                self.fleet.ports,
                repeat(token, round(seconds * per_second)),
                per_second=per_second,
            ),
            stream(
                self.fleet.ports,
                repeat("", round(seconds * 2)),
                per_second=2,
                path="/bare",
            ),
        )
        self.bare += bare
        return good

    def pass_time(self, seconds: float) -> float:
        """Let ``seconds`` pass, everywhere; return the moment (monotonic)."""
        if self.contestant.is_ours:
            self.database.age(seconds)
        return self.fleet.pass_time(seconds)

    async def sync(self) -> None:
        """Run ``sync_oidc_keys``."""
        status, output = await self.fleet.run("sync_oidc_keys")
        if status:
            raise RuntimeError(f"sync_oidc_keys: {output}")


@asynccontextmanager
async def open_lane(
    bench: Bench,
    contestant: Contestant,
    *,
    options: Mapping[str, Any] | None = None,
) -> AsyncIterator[Lane]:
    """Set the stage, the processes not started; clear it whatever happens."""
    with tempfile.TemporaryDirectory(dir=bench.folder) as name:
        state = Path(name)
        database = bench.template.copy(state)
        try:
            async with (
                running_issuer(bench.old) as issuer,
                new_fleet(
                    contestant,
                    state=state,
                    issuer_url=issuer.url,
                    database=database.settings,
                    options=options or {},
                ) as fleet,
            ):
                yield Lane(bench, contestant, issuer, fleet, database)
        finally:
            database.drop()
