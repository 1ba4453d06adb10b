"""The list of what is acted out, and in which company."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from .floods import unknown_kids
from .issuer import FAULTS
from .lane import Lane
from .outages import outage
from .outcome import Outcome
from .rotations import new_key, slow_old_answer, withdrawn_key
from .starts import cold_start, cold_start_then_recovery, restart_in_outage
from .stores import holder_killed, skewed_clocks, store_fault

__all__ = ["SCENARIOS", "Scenario"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One row of the table.

    Attributes:
        wave: scenarios of one wave run side by side, each on a stage of its own.
        ours_only: whether no other contestant has the part that is tried.
        start: whether the processes run from the beginning.
    """

    name: str
    title: str
    run: Callable[[Lane], Awaitable[Outcome]]
    wave: int
    ours_only: bool = False
    start: bool = True


_OUTAGES = {
    "down": "issuer down (connection refused)",
    "500": "issuer answers 500",
    "html": "issuer answers HTML",
    "empty": "issuer publishes an empty set",
    "huge": "issuer answers 20 MB",
    "bomb": "issuer answers a gzip bomb",
    "drip": "issuer drips a byte a second",
    "hang": "issuer hangs for 30 s",
}
assert tuple(_OUTAGES) == FAULTS
_STORE = {
    "flushed": "store flushed",
    "poisoned": "store poisoned",
    "unreachable": "store unreachable",
    "locked": "store hangs (locked)",
}

SCENARIOS = (
    Scenario(
        name="unknown-kids",
        title="1,000 tokens with unknown kids in 30 s",
        run=unknown_kids,
        wave=2,
    ),
    *(
        Scenario(name=fault, title=title, run=outage(fault), wave=1)
        for fault, title in _OUTAGES.items()
    ),
    Scenario(name="cold", title="cold start", run=cold_start, wave=3),
    Scenario(
        name="cold-stored",
        title="restart while the issuer is down",
        run=restart_in_outage,
        wave=3,
        start=False,
    ),
    Scenario(
        name="cold-down",
        title="first start while the issuer is down, then recovery",
        run=cold_start_then_recovery,
        wave=2,
    ),
    Scenario(name="rotation", title="a new key, first request", run=new_key, wave=3),
    Scenario(name="withdrawn", title="a withdrawn key", run=withdrawn_key, wave=2),
    Scenario(
        name="slow-old",
        title="a slow old answer after a newer one",
        run=slow_old_answer,
        wave=2,
        ours_only=True,
    ),
    Scenario(
        name="killed",
        title="the fetching process killed in mid-fetch",
        run=holder_killed,
        wave=2,
        ours_only=True,
    ),
    *(
        Scenario(
            name=f"store-{fault}",
            title=title,
            run=store_fault(fault),
            wave=2,
            ours_only=True,
        )
        for fault, title in _STORE.items()
    ),
    Scenario(
        name="skew",
        title="hosts' clocks two minutes apart",
        run=skewed_clocks,
        wave=2,
        ours_only=True,
    ),
)
