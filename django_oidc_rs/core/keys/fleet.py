"""What all processes of a deployment agree on before one of them fetches.

One fetch at a time in the whole fleet (a lease), two for unknown key IDs per cooldown,
one backoff after failures. Pure functions of the shared state and the store's clock:
hosts' clocks differ, the store has one. Times are seconds of that clock; a time that
lies clearly further ahead than the rule could have set it counts as past, so that a
clock that jumps back blocks nobody.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from enum import Enum

from .limits import MAX_FETCHES, MAX_PAUSE, pause_after

__all__ = ["LEASE", "Admission", "FleetState", "Outcome", "Verdict", "admit", "settle"]

LEASE = 12.0
"""Seconds: longer than a fetch takes, short enough for a holder that was killed."""
# A statement tells when it began: what it reads may be of a moment later.
_SLACK = 5.0


class Verdict(Enum):
    """May this process fetch now, and if not, why not?"""

    GRANTED = "granted"
    LEASED = "another process is fetching"
    EXHAUSTED = "the budget for unknown key IDs is spent"
    BACKING_OFF = "the last fetch failed"


@dataclass(frozen=True, slots=True)
class Admission:
    """A verdict and, unless it was granted, after how many seconds to ask again.

    ``failures`` counts the fetches in a row that failed, in the whole fleet, and
    ``error`` is the code of the last of them.
    """

    verdict: Verdict
    pause: float = 0
    failures: int = 0
    error: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a fetch ended: ``error`` is the code of what went wrong, "" if nothing did.

    ``jitter`` (0..1) spreads the pause after a failure.
    """

    error: str = ""
    jitter: float = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetState:
    """What the store keeps of one issuer's fetches.

    Attributes:
        holder: the process that may fetch, until ``lease_until``.
        spent: when fetches for unknown key IDs began, the last two.
        failures: fetches in a row that failed; ``error`` is the last one's code.
        not_before: when the next fetch may begin after a failure.
    """

    holder: str = ""
    lease_until: float = 0
    spent: tuple[float, ...] = ()
    failures: int = 0
    error: str = ""
    not_before: float = 0

    def to_json(self) -> str:
        """Return the state as JSON text."""
        return json.dumps(asdict(self), separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> FleetState:
        """Return the state that ``to_json`` gave; an empty one for any other text."""
        try:
            values = json.loads(text)
            return cls(
                holder=str(values["holder"]),
                lease_until=float(values["lease_until"]),
                spent=tuple(float(at) for at in values["spent"][-MAX_FETCHES:]),
                failures=int(values["failures"]),
                error=str(values["error"]),
                not_before=float(values["not_before"]),
            )
        except (ValueError, TypeError, KeyError, OverflowError):
            return cls()


def admit(
    state: FleetState, now: float, *, holder: str, cooldown: float | None
) -> tuple[FleetState, Admission]:
    """Return the state after ``holder`` asked to fetch, and the answer.

    ``cooldown`` is that of the budget if the fetch is for an unknown key ID, else None.
    """

    def answer(verdict: Verdict, pause: float = 0) -> Admission:
        return Admission(verdict, pause, state.failures, state.error)

    lease = state.lease_until - now
    if 0 < lease <= LEASE + _SLACK:
        return state, answer(Verdict.LEASED, lease)
    pause = state.not_before - now
    if 0 < pause <= MAX_PAUSE + _SLACK:
        return state, answer(Verdict.BACKING_OFF, pause)
    spent = state.spent
    if cooldown is not None:
        spent = tuple(at for at in spent if -_SLACK <= now - at < cooldown)
        if len(spent) >= MAX_FETCHES:
            return state, answer(Verdict.EXHAUSTED, cooldown - (now - spent[0]))
        spent = (*spent, now)
    granted = replace(state, holder=holder, lease_until=now + LEASE, spent=spent)
    return granted, answer(Verdict.GRANTED)


def settle(
    state: FleetState, now: float, *, holder: str, outcome: Outcome
) -> FleetState:
    """Return the state after ``holder`` has fetched: no lease, and how it ended.

    Who does not hold the lease (any more) says how the issuer does, and leaves the
    lease to its holder: ``sync_oidc_keys`` never had one.
    """
    if state.holder == holder:
        state = replace(state, holder="", lease_until=0)
    if outcome.error:
        failures = min(state.failures + 1, 1000)
        pause = pause_after(failures, outcome.jitter)
        return replace(
            state, failures=failures, error=outcome.error, not_before=now + pause
        )
    return replace(state, failures=0, error="", not_before=0)
