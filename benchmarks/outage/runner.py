"""Acts out the scenarios, for one contestant after the other."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from .database import make_database
from .fleet import Contestant, new_fleet
from .lane import Bench, Lane, open_lane
from .outcome import Outcome
from .peers import OURS
from .scenarios import Scenario

__all__ = ["run_all"]

_LIMIT = 240.0


async def run_all(
    contestants: Sequence[Contestant],
    scenarios: Sequence[Scenario],
    *,
    folder: Path,
    quick: bool,
) -> dict[str, dict[str, Outcome]]:
    """Return the outcomes by contestant and scenario."""
    # Late: --help needs nothing but Python.
    from django_oidc_rs.testing.signing import SigningKey

    template = make_database(folder)
    try:
        bench = Bench(
            folder=folder,
            template=template,
            old=SigningKey("RS256"),
            new=SigningKey("RS256"),
            quick=quick,
        )
        await _migrate(bench)
        return {
            contestant.name: await _run(bench, contestant, scenarios)
            for contestant in contestants
        }
    finally:
        template.drop()


async def _migrate(bench: Bench) -> None:
    """Make our tables in the template, with our own settings."""
    state = bench.folder / "template"
    state.mkdir()
    async with new_fleet(
        OURS,
        state=state,
        issuer_url="http://127.0.0.1:9",
        database=bench.template.settings,
        options={},
    ) as fleet:
        status, output = await fleet.run("migrate", "--verbosity=0")
    if status:
        raise RuntimeError(f"migrate: {output}")


async def _run(
    bench: Bench, contestant: Contestant, scenarios: Sequence[Scenario]
) -> dict[str, Outcome]:
    outcomes: dict[str, Outcome] = {}
    mine = [one for one in scenarios if contestant.is_ours or not one.ours_only]
    waves: dict[tuple[int, bool], list[Scenario]] = {}
    for one in mine:
        waves.setdefault((one.wave, one.name in contestant.burns), []).append(one)
    for _, side_by_side in sorted(waves.items()):
        line = _Line(len(side_by_side))
        found = await asyncio.gather(
            *(_act(bench, contestant, one, line) for one in side_by_side)
        )
        outcomes |= {
            one.name: outcome for one, outcome in zip(side_by_side, found, strict=True)
        }
    return {one.name: outcomes[one.name] for one in mine}


class _Line:
    """Where scenarios wait for each other: nobody measures while others' APIs start."""

    def __init__(self, expected: int) -> None:
        self._missing = expected
        self._complete = asyncio.Event()

    async def start(self, lane: Lane | None) -> None:
        """Start a lane's processes; return when all others have, or failed to."""
        try:
            if lane is not None:
                await lane.start()
        finally:
            self._missing -= 1
            if self._missing == 0:
                self._complete.set()
        await self._complete.wait()


async def _act(
    bench: Bench, contestant: Contestant, scenario: Scenario, line: _Line
) -> Outcome:
    _tell(f"{contestant.name}: {scenario.title} ...")
    try:
        async with asyncio.timeout(_LIMIT):
            async with open_lane(bench, contestant) as lane:
                await line.start(lane if scenario.start else None)
                outcome = await scenario.run(lane)
    except (RuntimeError, OSError, TimeoutError) as error:
        outcome = Outcome(error=f"{type(error).__name__}: {error}")
        outcome.exactly("figures", 0, 1)
    else:
        outcome.bare = 1000 * max((answer.wait for answer in lane.bare), default=0)
    _tell(f"{contestant.name}: {scenario.title}: {_summary(outcome)}")
    return outcome


def _summary(outcome: Outcome) -> Mapping[str, object] | str:
    if outcome.error:
        return outcome.error
    return {
        "fetches": outcome.fetches,
        "good, %": round(outcome.share, 1),
        "worst, ms": round(outcome.worst),
        "itself, ms": round(outcome.took),
        "bare view, ms": round(outcome.bare),
        **outcome.facts,
    }


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
