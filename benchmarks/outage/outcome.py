"""What one scenario came to for one contestant, and what we demand of ourselves."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from .traffic import Answer

__all__ = ["Demand", "Outcome", "busiest"]


@dataclass(frozen=True, slots=True)
class Demand:
    """One figure that must hold for us."""

    what: str
    seen: float
    wanted: str
    is_met: bool


@dataclass(slots=True)
class Outcome:
    """Figures of one scenario.

    Attributes:
        fetches: connections to the issuer that were opened or refused.
        good: the answers that good tokens got.
        facts: what else is worth telling, by name.
        demands: asserted of us alone.
        bare: the longest wait of a view without authentication meanwhile, in ms.
        error: why there are no figures.
    """

    fetches: int = 0
    good: Sequence[Answer] = ()
    facts: dict[str, object] = field(default_factory=dict)
    demands: list[Demand] = field(default_factory=list)
    bare: float = 0.0
    error: str = ""

    @property
    def share(self) -> float:
        """Good tokens answered 200, in percent."""
        answered = sum(answer.is_good for answer in self.good)
        return 100 * answered / len(self.good) if self.good else 0.0

    @property
    def worst(self) -> float:
        """The longest wait of a good token, in milliseconds."""
        return 1000 * max((answer.wait for answer in self.good), default=0.0)

    @property
    def took(self) -> float:
        """As ``worst``, without waiting for a processor: what demands are made of."""
        return 1000 * max((answer.took for answer in self.good), default=0.0)

    def at_most(self, what: str, seen: float, limit: float) -> None:
        """Demand that a figure is no larger than ``limit``."""
        self.demands.append(Demand(what, seen, f"<= {limit:g}", seen <= limit))

    def at_least(self, what: str, seen: float, limit: float) -> None:
        """Demand that a figure is no smaller: that what is tried took place at all."""
        self.demands.append(Demand(what, seen, f">= {limit:g}", seen >= limit))

    def exactly(self, what: str, seen: float, wanted: float) -> None:
        """Demand a figure."""
        self.demands.append(Demand(what, seen, f"= {wanted:g}", seen == wanted))

    def all_good(self) -> None:
        """Demand that every good token was answered 200."""
        self.exactly("good tokens answered 200, %", self.share, 100)


def busiest(moments: Iterable[float], seconds: float) -> int:
    """Return how many moments fall into the busiest window of ``seconds``."""
    ordered = sorted(moments)
    return max(
        (
            sum(start <= moment < start + seconds for moment in ordered)
            for start in ordered
        ),
        default=0,
    )
