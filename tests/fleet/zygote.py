"""Makes processes quickly: loads everything once, then forks for every line it reads.

Nothing runs here: no thread, no connection, no resource server is made before a fork.
"""

from __future__ import annotations

import gc
import importlib
import os
import signal
import sys

import django
import pymysql

_LATER = (
    "django.core.cache.backends.redis",
    "django.db.backends.mysql.base",
    "django.db.backends.postgresql.base",
    "redis",
    "django_oidc_rs.management.commands.sync_oidc_keys",
    "tests.fleet.urls",
)
"""What a process would load when it first needs it."""


def main(address):
    django.setup()
    pymysql.install_as_MySQLdb()
    for module in _LATER:
        importlib.import_module(module)
    from . import worker

    # What is there already is there to stay: nobody need look at it, or copy it.
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for _line in sys.stdin:
        if os.fork() == 0:
            os.close(sys.stdin.fileno())
            worker.serve(address)


if __name__ == "__main__":
    main(sys.argv[1])
