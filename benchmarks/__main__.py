"""What a request pays for being authenticated, beside the others.

    python -m benchmarks

Needs nothing but Python, and the program wrk for the section "servers": what is
measured is installed into an environment of its own, below .cache/, by pip, from the
index pip is configured for. A local issuer serves the keys over HTTP, every contestant
runs in a process of its own, and they loop in turns. Prints the tables and saves them
as Markdown, JSON and SVG: of a whole run in benchmarks/results, of one with --quick, or
with --only of sections that share a file, below .cache/benchmarks/results.
"""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from .suite import rounds
from .suite.chart import as_svg
from .suite.environment import install
from .suite.machine import machine
from .suite.outcome import Section
from .suite.place import COMMITTED, TRIED, place
from .suite.remote import ROOT, Lab
from .suite.report import as_json, as_markdown
from .suite.sections import (
    core,
    drf,
    growth,
    introspection,
    memory,
    plain,
    profile,
    servers,
    threads,
)

_ONLY = "this section; may be repeated"
_DELAY = "what the authorization server takes for an answer (%(default)g)"
_OUT = (
    f"where to save; by default a whole run in {COMMITTED.relative_to(ROOT)}, "
    f"any other in {TRIED.relative_to(ROOT)}"
)
_NAMES = (
    "core",
    "drf",
    "profile",
    "plain",
    "servers",
    "memory",
    "growth",
    "threads",
)
# Run when asked for, saved in files of its own.
_ALONE = ("introspection",)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--quick", action="store_true", help="few rounds, fewer users: to try it")
    add("--only", action="append", choices=_NAMES + _ALONE, help=_ONLY)
    add("--out", type=Path, metavar="FOLDER", help=_OUT)
    add(
        "--wrk", default=shutil.which("wrk"), help="the program wrk, if not on the PATH"
    )
    add("--redis", metavar="URL", help="a Redis, for who keeps answers there")
    add("--delay", type=float, default=introspection.DELAY, help=_DELAY, metavar="MS")
    add("--users", type=int, help="most users in a database; 1,000,000 unless --quick")
    add(
        "--cache",
        type=Path,
        default=ROOT / ".cache" / "benchmarks",
        help="where the environment is installed (%(default)s)",
    )
    return parser.parse_args()


def is_whole(*, quick: bool, only: Sequence[str] | None) -> bool:
    """Whether every file that is saved has all its figures, measured at length."""
    return not quick and set(only or ()) <= set(_ALONE)


def _sections(options: argparse.Namespace) -> dict[str, Callable[..., Section]]:
    users = options.users or growth.USERS[1 if options.quick else -1]
    runs: dict[str, Callable[..., Section]] = {
        "core": core.run,
        "drf": drf.run,
        "profile": profile.run,
        "plain": plain.run,
        "servers": partial(servers.run, wrk=options.wrk),
        "memory": memory.run,
        "growth": partial(growth.run, most_users=users),
        "threads": threads.run,
        "introspection": partial(
            introspection.run, redis=options.redis, delay=options.delay
        ),
    }
    return {name: run for name, run in runs.items() if name in (options.only or _NAMES)}


def main() -> int:
    """Run; return the exit status."""
    options = _options()
    # Leaving by SIGTERM, too, ends what was started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    start, about = time.monotonic(), machine()
    print("installing", file=sys.stderr)
    python = install(options.cache.absolute())
    pace = rounds.QUICK if options.quick else rounds.FULL
    sections: dict[str, Section] = {}
    failed: list[str] = []
    with tempfile.TemporaryDirectory(prefix="benchmarks-") as folder:
        lab = Lab(python, Path(folder))
        try:
            about |= lab.versions()
            for name, run in _sections(options).items():
                print(f"{time.monotonic() - start:5.0f} s: {name}", file=sys.stderr)
                try:
                    sections[name] = run(lab, pace)
                except (AssertionError, OSError, RuntimeError, ValueError):
                    # One section's mishap costs no other its figures.
                    traceback.print_exc()
                    failed.append(name)
                lab.dismiss()
        finally:
            lab.close()
    about["run"] = (
        f"{'quick, ' if options.quick else ''}{time.monotonic() - start:.0f} s"
    )
    alone = {name: {name: sections.pop(name)} for name in _ALONE if name in sections}
    whole = is_whole(quick=options.quick, only=options.only)
    out = place(options.out, whole=whole)
    for stem, found in {"benchmarks": sections, **alone}.items():
        if found:
            _save(out, stem, about, found)
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


def _save(
    folder: Path, stem: str, about: dict[str, str], sections: dict[str, Section]
) -> None:
    text = as_markdown(about, list(sections.values()))
    print(text)
    folder.mkdir(parents=True, exist_ok=True)
    figures = json.dumps(as_json(about, sections), indent=1, ensure_ascii=False)
    charts = [chart for section in sections.values() for chart in section.charts]
    files = {f"{stem}.md": text, f"{stem}.json": figures + "\n"}
    if charts:
        files[f"{stem}.svg"] = as_svg(charts)
    for name, content in files.items():
        (folder / name).write_text(content, encoding="utf-8")
        print(f"saved: {folder / name}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
