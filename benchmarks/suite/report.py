"""What is printed and saved: Markdown to read, JSON to compute with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from .outcome import Cell, Goal, Section, Table

__all__ = ["as_json", "as_markdown"]


def as_markdown(about: Mapping[str, str], sections: Sequence[Section]) -> str:
    """Return the whole result, the goals first."""
    return "\n".join(_lines(about, sections)) + "\n"


def _lines(about: Mapping[str, str], sections: Sequence[Section]) -> Iterator[str]:
    yield "# Benchmarks"
    yield ""
    yield ", ".join(f"{name} {value}" for name, value in about.items()) + "."
    yield ""
    yield (
        "Contestants run interleaved, in rounds whose order is reversed every other "
        "time; a turn that was interrupted is taken again; figures are medians. Ratios "
        "within one run are what counts: machines differ, and are shared."
    )
    goals = [goal for section in sections for goal in section.goals]
    if goals:
        yield ""
        yield "## Goals"
        yield ""
        yield from _table(Table(("goal", "wanted", "seen", ""), _goal_rows(goals)))
    for section in sections:
        yield ""
        yield f"## {section.title}"
        for table in section.tables:
            yield ""
            yield from _table(table)
        for note in section.notes:
            yield ""
            yield note


def _goal_rows(goals: Sequence[Goal]) -> list[tuple[Cell, ...]]:
    return [
        (goal.what, goal.wanted, goal.seen, "met" if goal.is_met else "**missed**")
        for goal in goals
    ]


def _table(table: Table) -> Iterator[str]:
    yield _row(table.columns)
    yield _row(["---", *["---:"] * (len(table.columns) - 1)])
    for row in table.rows:
        yield _row([_text(cell) for cell in row])


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _text(cell: Cell) -> str:
    if cell is None:
        return ""
    if isinstance(cell, str):
        return cell
    # Three figures are more than the machine's moods leave.
    return f"{cell:,.0f}" if abs(cell) >= 1000 else f"{cell:.{_digits(cell)}f}"


def _digits(value: float) -> int:
    return 2 if abs(value) < 10 else 1


def as_json(
    about: Mapping[str, str], sections: Mapping[str, Section]
) -> dict[str, Any]:
    """Return everything that was measured, round by round."""
    return {
        "about": dict(about),
        "sections": {
            name: {
                "title": section.title,
                "tables": [asdict(table) for table in section.tables],
                "goals": [
                    {**asdict(goal), "met": goal.is_met} for goal in section.goals
                ],
                "notes": section.notes,
                "samples": {
                    key: [round(value, 3) for value in values]
                    for key, values in section.samples.items()
                },
            }
            for name, section in sections.items()
        },
    }
