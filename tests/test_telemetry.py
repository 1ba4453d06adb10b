"""Counters, where OpenTelemetry is installed; nothing where it is not."""

import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from django.test import RequestFactory
from opentelemetry import metrics
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from django_oidc_rs import signals, telemetry
from django_oidc_rs.core.errors import InvalidToken
from django_oidc_rs.core.keys import SourceError
from django_oidc_rs.request import authenticate


@pytest.fixture
def counted(monkeypatch):
    """What the counters of a provider of this test say, and nobody else's."""
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader], shutdown_on_exit=False)
    monkeypatch.setattr(metrics, "get_meter", provider.get_meter)
    every = (signals.token_accepted, signals.token_rejected, signals.keys_refreshed)
    before = [list(signal.receivers) for signal in every]
    for signal in every:
        signal.receivers = []
        signal.sender_receivers_cache.clear()
    telemetry.connect()

    def read():
        data = reader.get_metrics_data()
        found = {}
        for resource in data.resource_metrics if data else ():
            for scope in resource.scope_metrics:
                assert scope.scope.name == "django_oidc_rs"
                for metric in scope.metrics:
                    for point in metric.data.data_points:
                        key = metric.name, *sorted(point.attributes.items())
                        found[key] = point.value
        return found

    yield read
    for signal, receivers in zip(every, before, strict=True):
        signal.receivers = receivers
        signal.sender_receivers_cache.clear()
    provider.shutdown()


def test_tokens_are_counted_by_outcome_reason_and_issuer(fake_issuer, counted):
    for token in (fake_issuer.access_token("a"), "garbage", "garbage"):
        request = RequestFactory().get("/", HTTP_AUTHORIZATION=f"Bearer {token}")
        with suppress(InvalidToken):
            authenticate(request, resolve=False)
    name = "django_oidc_rs.tokens"
    accepted = (name, ("issuer", "default"), ("outcome", "accepted"))
    rejected = (
        name,
        ("issuer", ""),
        ("outcome", "rejected"),
        ("reason", "malformed_token"),
    )
    found = counted()
    assert found[accepted] == 1
    assert found[rejected] == 2


def test_fetches_are_counted(counted):
    for error in (None, None, SourceError("tls", "bad certificate")):
        signals.keys_refreshed.send(None, issuer_alias="default", error=error)
    name = "django_oidc_rs.key_fetches"
    assert counted() == {
        (name, ("issuer", "default"), ("outcome", "ok")): 2,
        (name, ("issuer", "default"), ("outcome", "failed"), ("reason", "tls")): 1,
    }


def test_connecting_twice_counts_once(counted):
    telemetry.connect()
    signals.keys_refreshed.send(None, issuer_alias="default", error=None)
    assert sum(counted().values()) == 1


WITHOUT = """
import sys
sys.modules["opentelemetry"] = None
import django
django.setup()
from django_oidc_rs import signals
assert not signals.token_accepted.receivers
"""


def test_without_opentelemetry_nothing_is_connected():
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", WITHOUT],
        env={
            "PYTHONPATH": str(Path(__file__).parent.parent),
            "DJANGO_SETTINGS_MODULE": "tests.settings",
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
