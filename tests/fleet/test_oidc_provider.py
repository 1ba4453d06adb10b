"""A real authorization server, npm's oidc-provider, and how its keys are used."""

from __future__ import annotations

import base64
import json
import urllib.request
from urllib.parse import urlencode

import pytest

from .counterparts import url_of
from .processes import Fleet
from .shared import SharedDatabase

LIFETIME = 600
METADATA = "/.well-known/openid-configuration"


class Provider:
    """The server that ``DJANGO_OIDC_RS_OIDC_PROVIDER`` names, told by its controls."""

    def __init__(self):
        self.url = url_of("DJANGO_OIDC_RS_OIDC_PROVIDER")
        self.order("reset")

    def _ask(self, path, data=None, **headers):
        request = urllib.request.Request(f"{self.url}{path}", data, headers)
        with urllib.request.urlopen(request, timeout=30) as response:
            return response.read()

    def order(self, name):
        """Have it ``reset``, ``rotate`` or ``withdraw``."""
        self._ask(f"/control/{name}", b"")

    def count(self, path="/jwks"):
        return json.loads(self._ask("/control/requests")).get(path, 0)

    def token(self):
        """Return what the machine gets by the client credentials grant."""
        form = urlencode({"grant_type": "client_credentials", "scope": "orders:read"})
        secret = base64.b64encode(b"machine:secret").decode()
        answer = self._ask("/token", form.encode(), Authorization=f"Basic {secret}")
        return json.loads(answer)["access_token"]


def key_id(token):
    header = token.split(".")[0]
    return json.loads(base64.urlsafe_b64decode(header + "=="))["kid"]


@pytest.fixture
def issuer():
    return Provider()


class File:
    """A database in a file, for what is shared here."""

    def __init__(self, settings):
        self.settings = settings

    def execute(self, statement, *values):
        import sqlite3
        from contextlib import closing

        with closing(sqlite3.connect(self.settings["NAME"], timeout=30)) as session:
            rows = session.execute(statement.replace("%s", "?"), values).fetchall()
            session.commit()
        return rows

    def age_records(self, seconds):
        self.execute(
            "UPDATE django_oidc_rs_issuerrecord SET stored_at ="
            " strftime('%Y-%m-%d %H:%M:%f', stored_at, %s)",
            f"-{seconds:f} seconds",
        )


@pytest.fixture
def shared(sqlite):
    shared = SharedDatabase(File(sqlite))
    shared.clear()
    return shared


@pytest.fixture
def fleet(zygote, shared, issuer):
    fleet = Fleet(zygote, shared, issuer)
    yield fleet
    fleet.stop()


def test_ss_05_the_command_fetches_and_the_web_tier_does_not(fleet, issuer):
    """REFRESH "command": ``sync_oidc_keys`` alone opens connections."""
    fleet.start(2, keys={"REFRESH": "command"})
    token = issuer.token()
    assert fleet.statuses(token) == [503, 503]
    fleet.processes[0].do("sync")
    assert (issuer.count(), issuer.count(METADATA)) == (1, 1)
    fleet.pass_time(2)
    assert fleet.statuses(token) == [200, 200]
    assert (issuer.count(), issuer.count(METADATA)) == (1, 1)
    issuer.order("rotate")
    assert fleet.statuses(issuer.token()) == [401, 401]
    assert issuer.count() == 1
    fleet.processes[1].do("sync")
    fleet.pass_time(2)
    assert fleet.statuses(issuer.token(), token) == [200] * 4
    assert issuer.count() == 2


def test_jc_01_s_a_client_credentials_token_is_accepted(fleet, issuer):
    fleet.start(3)
    token = issuer.token()
    assert fleet.statuses(token) == [200] * 3
    assert (issuer.count(), issuer.count(METADATA)) == (1, 1)


def test_jc_06_s_the_first_request_with_a_new_key_succeeds(fleet, issuer):
    fleet.start(3)
    old = issuer.token()
    assert fleet.statuses(old) == [200] * 3
    issuer.order("rotate")
    new = issuer.token()
    assert key_id(new) != key_id(old)
    assert fleet.statuses(new) == [200] * 3
    assert fleet.statuses(old) == [200] * 3
    # For each of the three at most a look, for all of them two fetches.
    assert issuer.count() - 1 <= 2


@pytest.mark.parametrize("how", ["command", "lifetime"])
def test_jc_23_s_a_withdrawn_key_is_refused_everywhere(fleet, issuer, how):
    fleet.start(3)
    old = issuer.token()
    assert fleet.statuses(old) == [200] * 3
    issuer.order("rotate")
    issuer.order("withdraw")
    if how == "command":
        fleet.processes[0].do("sync")
    else:
        fleet.settle()
        fleet.pass_time(LIFETIME - 1)
        assert fleet.processes[0].status(issuer.token()) == 200
        fleet.settle()
    fleet.pass_time(16)
    # A look at the store is due now, off the request path.
    fleet.statuses(issuer.token())
    fleet.settle()
    assert fleet.statuses(old) == [401] * 3
    assert fleet.statuses(issuer.token()) == [200] * 3


def test_jc_15_a_signature_that_does_not_fit_asks_nobody(fleet, issuer):
    fleet.start(1)
    token = issuer.token()
    assert fleet.statuses(token) == [200]
    head, payload, signature = token.split(".")
    forged = f"{head}.{payload}.{signature[::-1]}"
    assert fleet.statuses(*[forged] * 5) == [401] * 5
    assert issuer.count() == 1
