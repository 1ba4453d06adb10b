"""The example project's demo: the API and a real authorization server over HTTP."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest

pytest.importorskip("rest_framework")
pytest.importorskip("allauth")

EXAMPLE = Path(__file__).parents[2] / "example_project"
SECONDS = 240
REQUESTS = 39


@contextmanager
def running(*arguments, **variables):
    """Run manage.py, servers included, in a process group that is gone afterwards."""
    environment = {
        **os.environ,
        **variables,
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
    }
    environment.pop("DJANGO_SETTINGS_MODULE", None)
    process = subprocess.Popen(
        [sys.executable, str(EXAMPLE / "manage.py"), *map(str, arguments)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    watchdog = threading.Timer(SECONDS, lambda: os.killpg(process.pid, signal.SIGKILL))
    watchdog.start()
    try:
        yield process
    finally:
        watchdog.cancel()
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()


def run(*arguments, **variables):
    """Run manage.py to its end; return its exit status and what it printed."""
    with running(*arguments, **variables) as process:
        printed = process.stdout.read()
        return process.wait(), printed


def verdicts(printed):
    """Return the last word of every row of the table."""
    row = r"^  (?:GET|POST|DELETE) /.* (ok|DIFFERENT)$"
    return re.findall(row, printed, re.MULTILINE)


def ports(printed):
    return [int(port) for port in re.findall(r"http://127\.0\.0\.1:(\d+)", printed)]


def is_open(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_every_answer_is_as_expected_and_both_servers_stop(tmp_path):
    with running("demo", "--serve", "--state", tmp_path) as process:
        lines = []
        for line in process.stdout:
            lines.append(line)
            if line.startswith("Ctrl-C"):
                break
        printed = "".join(lines)
        assert verdicts(printed) == ["ok"] * REQUESTS, printed
        assert ports(printed)
        assert all(map(is_open, ports(printed)))
        process.send_signal(signal.SIGTERM)
        process.stdout.read()
        status = process.wait()
    assert status == 0
    assert not any(map(is_open, ports(printed)))


def test_the_demo_fails_when_the_api_expects_another_audience(tmp_path):
    status, printed = run(
        "demo", "--state", tmp_path, EXAMPLE_AUDIENCE="https://elsewhere.example/"
    )
    found = verdicts(printed)
    assert status == 1, printed
    assert len(found) == REQUESTS, printed
    assert {"ok", "DIFFERENT"} == set(found)
    assert not any(map(is_open, ports(printed)))


def test_the_demo_deletes_no_directory_but_its_own(tmp_path):
    for name in ("api.sqlite3", "thesis.txt"):
        (tmp_path / name).touch()
    status, printed = run("demo", "--state", tmp_path)
    assert status == 1
    assert "left alone" in printed
    assert {path.name for path in tmp_path.iterdir()} == {"api.sqlite3", "thesis.txt"}


@pytest.mark.parametrize("project", ["api", "authorization_server"])
def test_check_has_nothing_to_say(project, tmp_path):
    status, printed = run(
        *("check", "--fail-level", "INFO", "--settings", f"{project}.settings"),
        EXAMPLE_STATE=str(tmp_path),
    )
    assert status == 0, printed


@pytest.mark.parametrize("project", ["api", "authorization_server"])
def test_no_migration_is_missing(project, tmp_path):
    status, printed = run(
        *("makemigrations", "--check", "--dry-run"),
        *("--settings", f"{project}.settings"),
        EXAMPLE_STATE=str(tmp_path),
    )
    assert status == 0, printed
