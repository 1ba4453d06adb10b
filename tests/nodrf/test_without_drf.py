"""REST framework is optional at import time."""

import subprocess
import sys
from pathlib import Path


def test_plain_django_needs_no_rest_framework():
    script = Path(__file__).with_name("try_without_drf.py")
    run = subprocess.run(
        [sys.executable, "-W", "error", str(script)],
        cwd=script.parent.parent.parent,
        env={"PYTHONPATH": str(script.parent.parent.parent)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
