"""The REST framework view, bare and guarded; and the process's memory."""

from __future__ import annotations

from typing import Any

from . import Job, timed
from .requests import Wire, resident

__all__ = ["make"]


def make(lane: dict[str, Any]) -> tuple[dict[str, Job], dict[str, Any]]:
    """Prove that the view is guarded, where somebody guards it; return the jobs."""
    from ..settings import CONTESTANT

    wire = Wire(lane)
    bare = wire.caller("/bare", authorized=False)
    guarded = CONTESTANT.AUTHENTICATION or hasattr(CONTESTANT, "guarded_view")
    facts = wire.prove("/guarded") if guarded else {"queries": 0.0, "calls": 0.0}
    jobs = {
        "bare": timed(bare),
        "guarded": timed(wire.caller("/guarded", authorized=True)),
        # Not nanoseconds, but bytes.
        "resident": lambda _loops: resident(),
    }
    return jobs, facts
