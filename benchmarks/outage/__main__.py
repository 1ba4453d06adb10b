"""Outages of the issuer, for us and for what people use instead.

    python -m benchmarks.outage [--ours-only] [--quick] [--out FOLDER] [SCENARIO ...]

Starts a real issuer and real processes on loopback, plays the scenarios, prints the
page outage.md and saves it: all scenarios at full length and with the others in
benchmarks/results, anything less below .cache/benchmarks/results. Exits with 1 if one
of our own figures is missed. Keys are shared in the PostgreSQL that
DJANGO_OIDC_RS_POSTGRESQL names, else in a SQLite file.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import json
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from benchmarks.suite.machine import machine
from benchmarks.suite.place import COMMITTED, TRIED, place
from benchmarks.suite.remote import ROOT
from benchmarks.suite.versions import versions

from .database import postgresql_url
from .fleet import Contestant
from .outcome import Outcome
from .peers import OURS, install_peers
from .report import About, as_json, as_markdown, missed
from .runner import run_all
from .scenarios import SCENARIOS

_CACHE = ROOT / ".cache" / "outage"
_OUT = (
    f"Where to save; by default a whole run in {COMMITTED.relative_to(ROOT)}, "
    f"any other in {TRIED.relative_to(ROOT)}."
)
# Modules, and the packages they come from.
_NEEDED = {
    "django": "django",
    "rest_framework": "djangorestframework",
    "cryptography": "cryptography",
    "jwt": "pyjwt",
    "requests": "requests",
    "urllib3": "urllib3",
    "gunicorn": "gunicorn",
}


def _options() -> argparse.Namespace:
    names = [scenario.name for scenario in SCENARIOS]
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.outage",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "scenario", nargs="*", help=f"All by default: {', '.join(names)}."
    )
    parser.add_argument("--ours-only", action="store_true", help="Leave peers out.")
    parser.add_argument("--quick", action="store_true", help="Shorter scenarios.")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help=_OUT)
    parser.add_argument("--json", type=Path, metavar="FILE", help="Write all figures.")
    parser.add_argument(
        "--cache", type=Path, default=_CACHE, help="Where peers are installed."
    )
    options = parser.parse_args()
    if unknown := set(options.scenario) - set(names):
        parser.error(f"no such scenario: {', '.join(sorted(unknown))}")
    if absent := missing((*_NEEDED, *(["psycopg"] if postgresql_url() else []))):
        wanted = f'{", ".join(absent)}: python -m pip install -e ".[bench]"'
        parser.exit(2, f"{parser.prog} needs {wanted}\n")
    return options


def missing(modules: Iterable[str]) -> list[str]:
    """Return the packages of those modules that cannot be imported here."""
    return [
        _NEEDED.get(module, module)
        for module in modules
        if importlib.util.find_spec(module) is None
    ]


def is_whole(options: argparse.Namespace) -> bool:
    """Whether the page has every row and column, measured at length."""
    return not (options.quick or options.ours_only or options.scenario)


async def _run(
    options: argparse.Namespace, peers: Sequence[Contestant]
) -> dict[str, dict[str, Outcome]]:
    task = asyncio.current_task()
    assert task is not None
    # ^C is asyncio's own; both unwind, so that every process is stopped.
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    chosen = [one for one in SCENARIOS if one.name in options.scenario] or SCENARIOS
    with tempfile.TemporaryDirectory(prefix="outage-") as folder:
        return await run_all(
            [OURS, *peers], chosen, folder=Path(folder), quick=options.quick
        )


def _versions_of(peers: Sequence[Contestant]) -> dict[str, str]:
    if not peers:
        return {}
    command = [peers[0].python, "-m", "benchmarks.suite.versions"]
    return dict(json.loads(subprocess.check_output(command, cwd=ROOT)))


def main() -> int:
    """Run; return the exit status."""
    options = _options()
    start, run = time.monotonic(), machine()
    run["key store"] = "PostgreSQL" if postgresql_url() else "SQLite"
    try:
        peers = [] if options.ours_only else install_peers(options.cache)
        outcomes = asyncio.run(_run(options, peers))
    except (KeyboardInterrupt, asyncio.CancelledError):
        return 130
    seconds = f"{time.monotonic() - start:.0f} s"
    run["run"] = f"quick, {seconds}" if options.quick else seconds
    about = About(run=run, ours=versions(_NEEDED.values()), others=_versions_of(peers))
    played = {name for results in outcomes.values() for name in results}
    scenarios = [one for one in SCENARIOS if one.name in played]
    _save(options, as_markdown(about, scenarios, outcomes))
    if options.json:
        options.json.write_text(json.dumps(as_json(outcomes), indent=2) + "\n")
    misses = missed(outcomes)
    for name, demand in misses:
        print(f"missed: {name}: {demand.what}: {demand.seen:.5g}, {demand.wanted}")
    return 1 if misses else 0


def _save(options: argparse.Namespace, page: str) -> None:
    print(page, end="")
    folder = place(options.out, whole=is_whole(options))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "outage.md").write_text(page, encoding="utf-8")
    print(f"saved: {folder / 'outage.md'}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
