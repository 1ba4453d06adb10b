"""Serve one of the projects on loopback, from a new database.

``python -m tests.introspection_servers.serve NAME`` prints its URL once it listens, and
ends when its standard input does, so with the test run however that ends.
"""

import importlib
import os
import socketserver
import sys
import threading
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server


class Server(socketserver.ThreadingMixIn, WSGIServer):
    daemon_threads = True


class QuietHandler(WSGIRequestHandler):
    timeout = 30

    def log_message(self, *args):
        pass


def main():
    projects = f"{__package__}.projects"
    os.environ["DJANGO_SETTINGS_MODULE"] = f"{projects}.{sys.argv[1]}_settings"
    from django.core.management import call_command
    from django.core.wsgi import get_wsgi_application

    application = get_wsgi_application()
    call_command("migrate", run_syncdb=True, verbosity=0)
    importlib.import_module(f"{projects}.{sys.argv[1]}_site").seed()
    server = make_server("127.0.0.1", 0, application, Server, QuietHandler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
