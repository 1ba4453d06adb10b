"""Servers on loopback for the tests of the core."""

from __future__ import annotations

import pytest

from .servers import Authority, Server, answer, send


@pytest.fixture
def serve():
    servers = []

    def start(script=None, **options):
        if not callable(script):
            script = send(answer() if script is None else script)
        servers.append(Server(script, **options))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("tls"), "authority")


@pytest.fixture(scope="session")
def stranger(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("tls"), "stranger")
