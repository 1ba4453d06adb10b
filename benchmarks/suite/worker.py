"""One contestant in a process of its own, which loops when it is told.

``python -m benchmarks.suite.worker JOBS``: JOBS is a module of
``benchmarks.suite.jobs``. The first line of the standard output is a hello: what was
proved, or why the contestant cannot take part. Then each line of the standard input,
``{"job": ..., "loops": ...}``, is answered by ``{"ns": ...}``. It ends when the
standard input does.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from importlib import import_module
from typing import Any

__all__ = ["main"]


def main() -> None:
    """Say hello, then loop."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    # Whatever prints must not be taken for an answer.
    os.dup2(2, 1)
    try:
        hello, jobs = set_up(sys.argv[1])
    except Exception as error:  # noqa: BLE001 -- whatever it is, the parent must know
        traceback.print_exc()
        print(json.dumps({"skip": reason(error)}), file=answers)
        return
    print(json.dumps(hello), file=answers)
    for line in sys.stdin:
        order = json.loads(line)
        print(json.dumps({"ns": jobs[order["job"]](order["loops"])}), file=answers)


def reason(error: Exception) -> str:
    """Return the first line of what went wrong; being told no needs no class name."""
    text = str(error).strip().partition("\n")[0]
    told = type(error).__name__ in ("Skip", "ImproperlyConfigured") and text
    return text if told else f"{type(error).__name__}: {text}"


def set_up(name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Start Django as the lane says; return the hello and the jobs."""
    import django

    django.setup()
    from ..contestants import Skip
    from .settings import CONTESTANT, LANE

    if "django_oidc_rs" in CONTESTANT.APPS:
        from django_oidc_rs.conf import get_config

        get_config()
    from .database import prepare

    if LANE["algorithm"] not in CONTESTANT.ALGORITHMS:
        raise Skip(f"no {LANE['algorithm']}")
    prepare(LANE)
    make = getattr(CONTESTANT, "tokens", None)
    lane = {**LANE, "tokens": make(LANE)} if make else LANE
    jobs, facts = import_module(f"benchmarks.suite.jobs.{name}").make(lane)
    return {"title": CONTESTANT.TITLE, **facts}, jobs


if __name__ == "__main__":
    main()
