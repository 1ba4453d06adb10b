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

from django_oidc_rs import telemetry
from django_oidc_rs.core.errors import ResourceServerError
from django_oidc_rs.core.http import FetchError
from django_oidc_rs.request import aauthenticate, authenticate
from django_oidc_rs.testing import FakeIssuer, install
from django_oidc_rs.wiring import get_resource_server


@pytest.fixture
def counted(monkeypatch):
    """What the counters of a provider of this test say, and nobody else's."""
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader], shutdown_on_exit=False)
    monkeypatch.setattr(metrics, "get_meter", provider.get_meter)
    # As they were, again, when the test is over.
    monkeypatch.setattr(telemetry, "_tokens", None)
    monkeypatch.setattr(telemetry, "_fetches", None)
    monkeypatch.setattr(telemetry, "_introspections", None)
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
    provider.shutdown()


def ask(token):
    return RequestFactory().get("/", HTTP_AUTHORIZATION=f"Bearer {token}")


def told(issuer, outcome, *reason):
    return (
        "django_oidc_rs.tokens",
        ("issuer", issuer),
        ("outcome", outcome),
        *(("reason", each) for each in reason),
    )


def test_tokens_are_counted_by_outcome_reason_and_issuer(fake_issuer, counted):
    good = fake_issuer.access_token("a")
    late = fake_issuer.access_token("a", exp=1)
    for token in (good, "garbage", "garbage", late):
        with suppress(ResourceServerError):
            authenticate(ask(token), resolve=False)
    found = counted()
    assert found[told("default", "accepted")] == 1
    assert found[told("", "rejected", "malformed_token")] == 2
    assert found[told("default", "rejected", "expired_token")] == 1


async def test_and_in_async_views(fake_issuer, counted):
    for token in (fake_issuer.access_token("a"), "garbage"):
        with suppress(ResourceServerError):
            await aauthenticate(ask(token), resolve=False)
    found = counted()
    assert found[told("default", "accepted")] == 1
    assert found[told("", "rejected", "malformed_token")] == 1


def test_one_request_counts_once(fake_issuer, counted):
    request = ask(fake_issuer.access_token("a"))
    for _ in range(3):
        authenticate(request, resolve=False)
    assert counted()[told("default", "accepted")] == 1


def test_fetches_are_counted(fake_issuer, counted, caplog):
    server = get_resource_server()
    fake_issuer.fail("tls")
    with suppress(ResourceServerError):
        server.validate(fake_issuer.access_token("a"))
    name = "django_oidc_rs.key_fetches"
    failed = (name, ("issuer", "default"), ("outcome", "failed"), ("reason", "tls"))
    assert counted() == {failed: 1}


def test_questions_to_issuers_are_counted(settings, counted, caplog):
    asked = {"CLIENT_ID": "api", "CLIENT_SECRET": "from-the-store"}
    issuer = {"ISSUER": "https://issuer.test", "INTROSPECTION": asked}
    settings.OIDC_RS = {
        "AUDIENCE": "https://api.test",
        "ISSUERS": {"default": {**issuer, "VALIDATION": "auto"}},
    }
    fake = FakeIssuer()
    with install(fake):
        tokens = [fake.opaque_token(), fake.opaque_token()]
        fake.revoke(tokens[1])
        for token in tokens:
            with suppress(ResourceServerError):
                authenticate(ask(token), resolve=False)
        fake.introspection.failure = FetchError("tls")
        for _ in range(3):
            with suppress(ResourceServerError):
                authenticate(ask(fake.opaque_token()), resolve=False)
    found, name = counted(), "django_oidc_rs.introspections"
    assert found[name, ("issuer", "default"), ("outcome", "ok")] == 2
    reason = ("reason", "introspection_failed")
    # Those that the breaker refused were no questions.
    assert found[name, ("issuer", "default"), ("outcome", "failed"), reason] == 1
    assert found[told("default", "rejected", "inactive_token")] == 1
    assert found[told("default", "rejected", "introspection_unavailable")] == 3


def test_nothing_a_caller_wrote_becomes_an_attribute(fake_issuer, counted):
    token = fake_issuer.access_token("evilmark", iss="https://evilmark.test")
    with suppress(ResourceServerError):
        authenticate(ask(token), resolve=False)
    assert "evilmark" not in str(counted())


def test_without_counters_counting_is_nothing(monkeypatch):
    for name in ("_tokens", "_fetches", "_introspections"):
        monkeypatch.setattr(telemetry, name, None)
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    telemetry.connect()
    telemetry.count_token("a")
    telemetry.count_fetch("a")
    telemetry.count_introspection("a")
    assert (telemetry._tokens, telemetry._fetches) == (None, None)
    assert telemetry._introspections is None


WITHOUT = """
import sys
sys.modules["opentelemetry"] = None
import django
django.setup()
from django_oidc_rs import telemetry
telemetry.count_token("a")
telemetry.count_fetch("a")
telemetry.count_introspection("a")
assert telemetry._tokens is None
"""


def test_without_opentelemetry_nothing_is_counted():
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
