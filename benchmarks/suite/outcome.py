"""What a section found: tables to read, goals to meet, figures to keep."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["Cell", "Chart", "Goal", "Section", "Table"]

Cell = str | float | None


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under columns; a figure is rounded when it is shown, not before."""

    columns: tuple[str, ...]
    rows: list[tuple[Cell, ...]]


@dataclass(frozen=True, slots=True)
class Goal:
    """One figure and its limit; ``most`` tells which side of it is good."""

    what: str
    seen: float
    limit: float
    most: bool = True

    @property
    def is_met(self) -> bool:
        """Tell."""
        return self.seen <= self.limit if self.most else self.seen >= self.limit

    @property
    def wanted(self) -> str:
        """Return the limit, as it is written."""
        return f"{'<=' if self.most else '>='} {self.limit:g}"


@dataclass(frozen=True, slots=True)
class Chart:
    """Bars, drawn to one scale."""

    title: str
    unit: str
    bars: Mapping[str, float]


@dataclass(slots=True)
class Section:
    """One part of the result.

    Attributes:
        notes: what the tables leave out: who was skipped and why, how it was done.
        samples: all figures of all rounds, for whoever wants to check.
    """

    title: str
    tables: list[Table] = field(default_factory=list)
    goals: list[Goal] = field(default_factory=list)
    charts: list[Chart] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    samples: dict[str, list[float]] = field(default_factory=dict)
