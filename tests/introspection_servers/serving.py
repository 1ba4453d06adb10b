"""The process of a project, as the tests see it."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path

from tests.fleet.counterparts import missing

__all__ = ["serving"]

_SECONDS = 60
_ROOT = Path(__file__).parents[2]


@contextmanager
def serving(project, *, package, state):
    """Run the project of that name; yield its URL. Without the package skip."""
    if importlib.util.find_spec(package) is None:
        missing(f"{package} is not installed")
    process = subprocess.Popen(
        [sys.executable, "-m", f"{__package__}.serve", project],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=_ROOT,
        # Development mode is twice as slow, and nobody reads what it finds.
        env={
            **os.environ,
            "INTROSPECTION_SERVER_STATE": str(state),
            "PYTHONDEVMODE": "",
        },
    )
    # A start that hangs ends here, and readline with it.
    hangs = threading.Timer(_SECONDS, process.kill)
    hangs.start()
    try:
        url = process.stdout.readline().strip()
        hangs.cancel()
        assert url, f"{project} did not start; its words are above"
        yield url
    finally:
        hangs.cancel()
        process.stdin.close()
        try:
            process.wait(_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()
