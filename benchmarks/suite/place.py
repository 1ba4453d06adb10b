"""Where figures are saved."""

from __future__ import annotations

from pathlib import Path

from .remote import ROOT

__all__ = ["COMMITTED", "TRIED", "place"]

COMMITTED = ROOT / "benchmarks" / "results"
"""The figures the documentation quotes."""
TRIED = ROOT / ".cache" / "benchmarks" / "results"
"""Ignored by git."""


def place(out: Path | None, *, whole: bool) -> Path:
    """Return the folder to save in: ``out``, if one was named.

    Without one, only a whole run replaces what is committed; part of the figures would
    push out all others.
    """
    if out is not None:
        return out
    return COMMITTED if whole else TRIED
