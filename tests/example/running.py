"""Running the example project's commands, servers included, and always ending them."""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

EXAMPLE = Path(__file__).parents[2] / "example_project"
SECONDS = 240


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


@dataclass
class Served:
    """A demo that has printed its addresses and leaves both servers up."""

    printed: str
    state: Path
    page: str
    issuer: str

    @property
    def port(self):
        return self.page.rpartition(":")[2].rstrip("/")


@contextmanager
def serving(state, **variables):
    """Run ``manage.py demo --serve``; at the end, see it stop both servers."""
    with running("demo", "--serve", "--state", state, **variables) as process:
        lines = []
        for line in process.stdout:
            lines.append(line)
            if line.startswith("Ctrl-C"):
                break
        printed = "".join(lines)
        addresses = re.findall(r"^[AT].+  (http://\S+)$", printed, re.MULTILINE)
        assert len(addresses) == 3, printed
        assert all(map(is_open, ports(printed)))
        yield Served(printed, Path(state), page=addresses[0], issuer=addresses[2])
        process.send_signal(signal.SIGTERM)
        process.stdout.read()
        assert process.wait() == 0
    assert not any(map(is_open, ports(printed)))


def ports(printed):
    return [int(port) for port in re.findall(r"http://127\.0\.0\.1:(\d+)", printed)]


def is_open(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
