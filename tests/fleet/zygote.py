"""Makes processes quickly: loads everything once, then forks for every line it reads.

Nothing runs here: no thread, no connection, no resource server is made before a fork.
"""

from __future__ import annotations

import os
import signal
import sys

import django


def main(address):
    django.setup()
    from . import urls, worker

    assert urls
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for _line in sys.stdin:
        if os.fork() == 0:
            os.close(sys.stdin.fileno())
            worker.serve(address)


if __name__ == "__main__":
    main(sys.argv[1])
