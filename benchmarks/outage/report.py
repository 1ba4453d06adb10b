"""What is printed and written: the table, and what was demanded of us."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .outcome import Demand, Outcome
from .peers import OURS
from .scenarios import Scenario
from .traffic import PATIENCE

__all__ = ["About", "as_json", "as_markdown", "missed"]

_STALLED = 1000
_NOTES = f"""\
A cell: connections to the issuer, refused ones included / good tokens answered 200 /
longest wait of a good token. Callers give up after {PATIENCE:g} s, which counts as not
answered. †: a view without authentication waited over a second, too. Every contestant
runs as 4 gunicorn processes of 25 threads, looks no user up, and is asked the same.

- Lifetimes: `time.time`, `time.monotonic` and `time.clock_gettime` of all processes are
  put forward together, for every contestant alike (by 3700 s where keys shall be past
  their lifetime, by 60 s where cooldowns shall be over); what our database holds grows
  older by as much. Timeouts of sockets and locks stay real. The issuer says
  `max-age=600`; PyJWKClient and simplejwt keep keys for 300 s, drf-oidc-auth is set to
  600 s (its default is a day), and its check of `iat` to a week.
- The fault is the whole server's; the empty set alone comes with good metadata. The
  answers of 20 MB and of the bomb (50 MB) hold the right keys beside the padding.
- "restart while the issuer is down": we have run `sync_oidc_keys` before; the others
  store nothing.
- "first start while the issuer is down": the share counts the 20 s after its return.
  What we miss of it is the backoff that spares the issuer: after failures all our
  processes together wait 1, 2, 4 .. 60 s before they ask again, and answer 503 with
  `Retry-After` until then; the others ask a dead issuer with every request.
- "a withdrawn key": one process learns of it by the first token of the new key.
- Waits in the table are the callers'. Those asserted below are told by the process and
  leave out the time a thread stood in the queue for a processor (Linux tells it):
  machines are shared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What figures cannot be compared without, by name.

    Attributes:
        run: the day, the machine, the commit, the key store.
        ours, others: versions of what each side ran with; ``others`` is empty if they
            were left out.
    """

    run: Mapping[str, str]
    ours: Mapping[str, str]
    others: Mapping[str, str] = field(default_factory=dict)


def missed(outcomes: Mapping[str, Mapping[str, Outcome]]) -> list[tuple[str, Demand]]:
    """Return our figures that are not what they must be, with their scenarios."""
    return [
        (name, demand)
        for name, outcome in outcomes.get(OURS.name, {}).items()
        for demand in outcome.demands
        if not demand.is_met
    ]


def as_markdown(
    about: About,
    scenarios: Sequence[Scenario],
    outcomes: Mapping[str, Mapping[str, Outcome]],
) -> str:
    """Return the page: the comparison, its notes, and our figures with their limits."""
    table, ours = _table(scenarios, outcomes), _ours(outcomes)
    return "\n".join((*_head(about), *table, "", _NOTES, "", *ours)) + "\n"


def _head(about: About) -> Iterator[str]:
    yield "# Outages, beside the others"
    yield ""
    yield f"`python -m benchmarks.outage`: {_listed(about.run)}."
    yield ""
    others = f"; the others with {_listed(about.others)}" if about.others else ""
    yield f"{OURS.name} runs with {_listed(about.ours)}{others}."
    yield ""


def _listed(facts: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {value}" for name, value in facts.items())


def _table(
    scenarios: Sequence[Scenario], outcomes: Mapping[str, Mapping[str, Outcome]]
) -> Iterator[str]:
    yield _row("scenario", *outcomes)
    yield _row(*["---"] * (len(outcomes) + 1))
    for scenario in scenarios:
        found = (results.get(scenario.name) for results in outcomes.values())
        yield _row(scenario.title, *map(_cell, found))


def _cell(outcome: Outcome | None) -> str:
    if outcome is None:
        return ""
    if outcome.error:
        return "failed"
    gave_up = any(answer.wait >= PATIENCE for answer in outcome.good)
    wait = f"> {1000 * PATIENCE:.0f}" if gave_up else f"{outcome.worst:.0f}"
    share = math.floor(outcome.share * 10) / 10
    cell = f"{outcome.fetches} / {share:g} % / {wait} ms"
    if outcome.bare >= _STALLED:
        cell += " †"
    refused = outcome.facts.get("refused everywhere after, s")
    return cell if refused is None else f"{cell}; refused everywhere: {refused} s"


def _ours(outcomes: Mapping[str, Mapping[str, Outcome]]) -> Iterator[str]:
    yield _row("asserted of django-oidc-rs", "", "wanted", "seen", "")
    yield _row(*["---"] * 5)
    for name, outcome in outcomes.get(OURS.name, {}).items():
        for demand in outcome.demands:
            met = "met" if demand.is_met else "**missed**"
            yield _row(name, demand.what, demand.wanted, f"{demand.seen:.5g}", met)


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def as_json(outcomes: Mapping[str, Mapping[str, Outcome]]) -> dict[str, Any]:
    """Return everything that was measured."""
    return {
        contestant: {name: _figures(outcome) for name, outcome in results.items()}
        for contestant, results in outcomes.items()
    }


def _figures(outcome: Outcome) -> dict[str, Any]:
    return {
        "fetches": outcome.fetches,
        "good": len(outcome.good),
        "good_percent": outcome.share,
        "worst_wait_ms": outcome.worst,
        "worst_took_ms": outcome.took,
        "worst_bare_ms": outcome.bare,
        "facts": outcome.facts,
        "error": outcome.error,
        "demands": [
            {
                "what": demand.what,
                "wanted": demand.wanted,
                # JSON knows no infinity.
                "seen": demand.seen if math.isfinite(demand.seen) else None,
                "met": demand.is_met,
            }
            for demand in outcome.demands
        ],
    }
