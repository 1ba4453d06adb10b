"""The servers of a run, each started once."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from .servers import SERVERS


@pytest.fixture(scope="session")
def running(tmp_path_factory):
    """Return ``running(name)``: that server, started when first asked for."""
    started = {}
    with ExitStack() as stack:

        def server(name):
            if name not in started:
                state = tmp_path_factory.mktemp(name)
                started[name] = stack.enter_context(SERVERS[name].running(state))
            return started[name]

        yield server


@pytest.fixture(params=SERVERS)
def server(request, running):
    return running(request.param)


@pytest.fixture
def oidc_provider(running):
    return running("oidc-provider")


@pytest.fixture
def django_allauth(running):
    return running("django-allauth")
