"""What a refresh leaves alone: the request's transaction, and a TestCase's."""

from __future__ import annotations

import threading

import pytest
from django.db import connection, transaction
from django.test import Client, RequestFactory, TestCase
from django.test.utils import CaptureQueriesContext

from django_oidc_rs.core.keys import bounded
from django_oidc_rs.models import IssuerRecord, RefreshState
from django_oidc_rs.stores import DatabaseKeyStore

from .issuer import AUDIENCE
from .urls import whoami
from .worker import refreshers_end


@pytest.fixture
def serve(configured, issuer, settings, monkeypatch):
    """Return ``serve(token) -> status``: real threads, store and network."""
    # A machine that is busy with many tests is no store that hangs.
    monkeypatch.setattr(bounded, "_WRITE", 20.0)
    monkeypatch.setattr(bounded, "_READ", 20.0)
    settings.OIDC_RS = {
        "AUDIENCE": AUDIENCE,
        "ISSUERS": {"default": {"ISSUER": issuer.url}},
    }

    def serve(token):
        headers = {"authorization": f"Bearer {token}"}
        return whoami(RequestFactory().get("/", headers=headers)).status_code

    yield serve
    refreshers_end()


def test_the_requests_connection_sees_no_query(serve, issuer):
    with transaction.atomic(), CaptureQueriesContext(connection) as queries:
        assert serve(issuer.token()) == 200
        refreshers_end()
        transaction.set_rollback(True)
    assert len(queries) == 0
    # What was rolled back was the request's alone.
    assert DatabaseKeyStore().load(issuer.url).version == 1


def test_a_broken_transaction_stops_no_refresh(serve, issuer):
    """After an error PostgreSQL refuses every statement until the end of the block."""
    with transaction.atomic():
        with pytest.raises(Exception, match="no_such"), connection.cursor() as cursor:
            cursor.execute("SELECT * FROM no_such_table")
        assert serve(issuer.token()) == 200
        refreshers_end()
        transaction.set_rollback(True)
    assert DatabaseKeyStore().load(issuer.url).version == 1


class TestUnderTheKit(TestCase):
    """``django.test.TestCase`` with ``fake_issuer``: no query, no thread, no row."""

    @pytest.fixture(autouse=True)
    def kit(self, fake_issuer, settings):
        settings.ROOT_URLCONF = "tests.fleet.urls"
        self.issuer = fake_issuer

    def test_nothing_is_touched(self):
        before = set(threading.enumerate())
        with self.assertNumQueries(0):
            for _ in range(3):
                raw = self.issuer.access_token("alice")
                response = Client().get(
                    "/whoami/", headers={"authorization": f"Bearer {raw}"}
                )
                assert response.status_code == 200
        assert set(threading.enumerate()) <= before
        assert not IssuerRecord.objects.exists()
        assert not RefreshState.objects.exists()
