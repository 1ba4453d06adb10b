"""Interleaved rounds, and what is made of their figures.

Machines are shared, clocks speed up and slow down: what is compared is measured in
turns, the order reversed every other round, and paired round by round.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

__all__ = ["FULL", "QUICK", "Pace", "interleave", "median", "paired"]

Key = TypeVar("Key", bound=Hashable)
Runner = Callable[[int], int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How long to measure.

    Attributes:
        rounds: how often each contestant has its turn.
        turn: seconds of a turn, about.
        repeats: how often a server is put under load.
        load: whole seconds of such a load.
    """

    rounds: int
    turn: float
    repeats: int
    load: int


# Turns are short: most of them pass without another process in between.
FULL = Pace(rounds=101, turn=0.003, repeats=5, load=3)
QUICK = Pace(rounds=25, turn=0.003, repeats=3, load=1)


def interleave(runners: Mapping[Key, Runner], pace: Pace) -> dict[Key, list[float]]:
    """Return microseconds per loop of each runner, one figure for each round."""
    loops = {key: _loops(run, pace.turn) for key, run in runners.items()}
    samples: dict[Key, list[float]] = {key: [] for key in runners}
    for number in range(pace.rounds):
        order = list(runners) if number % 2 == 0 else list(reversed(runners))
        for key in order:
            elapsed = runners[key](loops[key])
            samples[key].append(elapsed / loops[key] / 1000)
    return samples


def _loops(run: Runner, turn: float) -> int:
    """Warm ``run`` up; return how many loops fill a turn."""
    run(10)
    tried = min(max(run(5), 1) for _ in range(5))
    return max(2, min(100_000, int(turn * 1e9 * 5 / tried)))


def median(values: Sequence[float]) -> float:
    """Return the median."""
    return statistics.median(values)


def paired(
    what: Callable[[float, float], float], one: Sequence[float], two: Sequence[float]
) -> float:
    """Return the median of ``what`` over the rounds: ratios, differences."""
    return median([what(*pair) for pair in zip(one, two, strict=True)])
