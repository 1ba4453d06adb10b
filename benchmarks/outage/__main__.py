"""Outages of the issuer, for us and for what people use instead.

    python -m benchmarks.outage [--ours-only] [--quick] [--json FILE] [SCENARIO ...]

Starts a real issuer and real processes on loopback, plays the scenarios, prints a
Markdown table, and exits with 1 if one of our own figures is missed. Keys are shared in
the PostgreSQL that DJANGO_OIDC_RS_POSTGRESQL names, else in a SQLite file.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import json
import signal
import sys
import tempfile
import time
from pathlib import Path

from .outcome import Outcome
from .peers import OURS, install_peers
from .report import as_json, as_markdown, missed
from .runner import run_all
from .scenarios import SCENARIOS

_CACHE = Path(__file__).parents[2] / ".cache" / "outage"


def _options() -> argparse.Namespace:
    names = [scenario.name for scenario in SCENARIOS]
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "scenario", nargs="*", help=f"All by default: {', '.join(names)}."
    )
    parser.add_argument("--ours-only", action="store_true", help="Leave peers out.")
    parser.add_argument("--quick", action="store_true", help="Shorter scenarios.")
    parser.add_argument("--json", type=Path, metavar="FILE", help="Write all figures.")
    parser.add_argument(
        "--cache", type=Path, default=_CACHE, help="Where peers are installed."
    )
    options = parser.parse_args()
    if unknown := set(options.scenario) - set(names):
        parser.error(f"no such scenario: {', '.join(sorted(unknown))}")
    if importlib.util.find_spec("gunicorn") is None:
        parser.error("gunicorn is needed: pip install gunicorn")
    return options


async def _run(options: argparse.Namespace) -> dict[str, dict[str, Outcome]]:
    task = asyncio.current_task()
    assert task is not None
    # ^C is asyncio's own; both unwind, so that every process is stopped.
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    peers = [] if options.ours_only else install_peers(options.cache)
    chosen = [one for one in SCENARIOS if one.name in options.scenario] or SCENARIOS
    with tempfile.TemporaryDirectory(prefix="outage-") as folder:
        return await run_all(
            [OURS, *peers], chosen, folder=Path(folder), quick=options.quick
        )


def main() -> int:
    """Run; return the exit status."""
    options = _options()
    start = time.monotonic()
    try:
        outcomes = asyncio.run(_run(options))
    except (KeyboardInterrupt, asyncio.CancelledError):
        return 130
    played = {name for results in outcomes.values() for name in results}
    print(as_markdown([one for one in SCENARIOS if one.name in played], outcomes))
    print(f"\n{time.monotonic() - start:.0f} s.")
    if options.json:
        options.json.write_text(json.dumps(as_json(outcomes), indent=2) + "\n")
    misses = missed(outcomes)
    for name, demand in misses:
        print(f"missed: {name}: {demand.what}: {demand.seen:.5g}, {demand.wanted}")
    return 1 if misses else 0


if __name__ == "__main__":
    sys.exit(main())
