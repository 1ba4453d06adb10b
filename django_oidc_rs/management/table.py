"""Plain text for terminals: tables, durations, and what others wrote."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

__all__ = ["duration", "shown", "table"]

_CELL = 80
_LAST_CELL = 300


def shown(value: object, limit: int = 80) -> str:
    """Return ``value`` as text that is safe to print, at most ``limit`` characters.

    Somebody else may have written it: control characters could move the cursor,
    colour a line or hide one.
    """
    text = str(value)
    safe = "".join(
        character if character.isprintable() else ascii(character)[1:-1]
        for character in text[:limit]
    )
    return safe if len(text) <= limit else f"{safe}..."


def duration(seconds: float) -> str:
    """Return ``seconds`` as people say it: ``90 s``, ``10 min``, ``5 h``."""
    for size, unit in ((86400, "days"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return aligned columns under ``header``; each cell as ``shown`` gives it.

    The last column may be long: nothing stands behind it.
    """
    last = len(header) - 1
    lines = [
        list(header),
        *(
            [
                shown(cell, _LAST_CELL if index == last else _CELL)
                for index, cell in enumerate(row)
            ]
            for row in rows
        ),
    ]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    lines.insert(1, ["-" * width for width in widths])
    return "\n".join(
        "  ".join(
            cell.ljust(width) for cell, width in zip(line, widths, strict=True)
        ).rstrip()
        for line in lines
    )
