"""gunicorn: one process per slot, each with a port of its own.

A load balancer's choice would be random; here every process can be asked by itself.
"""

import ctypes
import json
import os
import signal
from pathlib import Path

_STATE = Path(os.environ["OUTAGE_STATE"])
_PROCESSES = int(os.environ["OUTAGE_PROCESSES"])

wsgi_app = "benchmarks.outage_project.wsgi:application"
bind = ["127.0.0.1:0"] * _PROCESSES
workers = _PROCESSES
threads = int(os.environ["OUTAGE_THREADS"])
worker_class = "gthread"
preload_app = True
# The arbiter's watch over its workers would take a leap of the clock for a hang.
timeout = 0
graceful_timeout = 1
errorlog = str(_STATE / "gunicorn.log")
capture_output = True
control_socket_disable = True


def on_starting(server):
    """Die with the benchmark, however it dies (Linux alone can promise that)."""
    prctl = getattr(ctypes.CDLL(None), "prctl", None)
    if prctl is not None:
        set_parent_death_signal = 1
        prctl(set_parent_death_signal, signal.SIGKILL)


def when_ready(server):
    """Tell the ports, slot by slot."""
    ports = [listener.getsockname()[1] for listener in server.LISTENERS]
    part = _STATE / "ports.part"
    part.write_text(json.dumps(ports))
    part.rename(_STATE / "ports")


def pre_fork(server, worker):
    """Give a new worker the slot that is free."""
    taken = {other.slot for other in server.WORKERS.values()}
    worker.slot = min(set(range(_PROCESSES)) - taken)


def post_fork(server, worker):
    """Keep the port of the worker's slot alone, and be on the slot's host."""
    from benchmarks.outage_project.settings import CLOCK

    worker.sockets = [worker.sockets[worker.slot]]
    CLOCK.slot = worker.slot
    (_STATE / f"worker-{worker.slot}").write_text(str(os.getpid()))
