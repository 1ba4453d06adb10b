"""Projects with a user model of their own: each in a process with its own settings."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
SECONDS = 300


@pytest.mark.parametrize("name", ["account", "member", "person"])
def test_custom_user(name):
    command = [
        *(sys.executable, "-W", "error", "-m", "pytest", "--no-header", "-q"),
        *("-p", "no:cacheprovider", "--no-migrations"),
        f"--ds=tests.users.settings_{name}",
        f"tests/users/cases_{name}.py",
    ]
    environment = {**os.environ, "PYTEST_ADDOPTS": ""}
    done = subprocess.run(
        command,
        cwd=HERE.parents[1],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert " passed" in done.stdout
