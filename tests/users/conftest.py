"""An API with two issuers, and ears for the signals."""

from __future__ import annotations

import shutil
from contextlib import ExitStack

import pytest
from django.test import Client, TestCase

from django_oidc_rs.signals import identity_created, token_rejected
from django_oidc_rs.testing import FakeIssuer, install

from .databases import migrate, replacing_databases, sqlite_settings

ISSUER = "https://issuer.test"
PARTNER = "https://partner.test"


class Api:
    """Asks the views of ``tests.users.urls`` with real tokens of two issuers."""

    def __init__(self, issuers, client):
        self.issuers = issuers
        self.client = client

    def token(self, subject="alice", *, issuer="default", **claims):
        return self.issuers[issuer].access_token(subject, **claims)

    def ask(self, subject="alice", *, issuer="default", path="/whoami/", **claims):
        raw = self.token(subject, issuer=issuer, **claims)
        # As if the transaction around the test were none.
        with TestCase.captureOnCommitCallbacks(execute=True):
            return self.client.get(path, headers={"authorization": f"Bearer {raw}"})

    def user(self, subject="alice", **keywords):
        """Return what the view saw, of a request that must be let in."""
        response = self.ask(subject, **keywords)
        assert response.status_code == 200, response.content
        return response.json()


@pytest.fixture
def serve(settings, clock):
    """Return ``serve(users, default=.., partner=..) -> Api``: settings by issuer."""
    settings.ROOT_URLCONF = "tests.users.urls"
    with ExitStack() as stack:

        def serve(users=None, *, default=None, partner=None):
            from django_oidc_rs.conf import get_config

            settings.OIDC_RS = {
                "AUDIENCE": "https://api.test",
                "USERS": users or {},
                "ISSUERS": {
                    "default": {"ISSUER": ISSUER, **(default or {})},
                    "partner": {"ISSUER": PARTNER, **(partner or {})},
                },
            }
            issuers = {
                policy.alias: FakeIssuer(policy, clock=clock)
                for policy in get_config().issuers
            }
            stack.enter_context(install(*issuers.values(), clock=clock))
            return Api(issuers, Client())

        yield serve


@pytest.fixture
def api(serve):
    return serve()


def _heard(signal, name):
    heard = []

    def hear(sender, **keywords):
        heard.append(keywords[name])

    signal.connect(hear)
    yield heard
    signal.disconnect(hear)


@pytest.fixture
def created():
    """The identities that were announced as created."""
    yield from _heard(identity_created, "identity")


@pytest.fixture
def refusals():
    """The errors by which requests were refused."""
    yield from _heard(token_rejected, "error")


@pytest.fixture(scope="session")
def sqlite_file(tmp_path_factory, django_db_blocker):
    """Return ``sqlite_file(path)``: puts an empty, migrated database there."""
    made = tmp_path_factory.mktemp("sqlite") / "migrated"
    with replacing_databases(django_db_blocker, {"default": sqlite_settings(made)}):
        migrate()

    def sqlite_file(path):
        shutil.copyfile(made, path)
        return sqlite_settings(path)

    return sqlite_file
