"""Section 13, A224: what reports on a crash leave out of headers, locals and claims.

To stand in ``tests/attacks`` once the library hides them (see ``reporting.diff``).
"""

from __future__ import annotations

import pytest
from django.http import HttpResponse
from django.urls import path
from django.views.debug import (
    SafeExceptionReporterFilter,
    get_default_exception_reporter_filter,
)
from rest_framework.views import APIView

from django_oidc_rs.decorators import access_token_required
from django_oidc_rs.models import FederatedIdentity
from django_oidc_rs.rest_framework import AccessTokenAuthentication
from tests.attacks.harness import HANDLERS, Sent
from tests.attacks.surface import over_every_handler
from tests.attacks.test_leakage import (
    MARK,
    broken_database,
    configure,
    leaks,
    mails,
    marked,
)

__all__ = ["configure"]

pytestmark = [pytest.mark.urls(__name__), pytest.mark.django_db]

PROOF, CERTIFICATE = "proofmark.proofmark.proofmark", ":certificatemark:"


def hold(request):
    """Hold in locals, under harmless names, what a view may well hold."""
    verified = request.access_token
    held = verified.claims
    header = request.headers["Authorization"]
    raise RuntimeError(f"with {len(held)} claims and {len(header)} characters")


async def ahold(request):
    hold(request)


class Drf(APIView):
    authentication_classes = [AccessTokenAuthentication]

    def get(self, request):
        verified = request.auth
        raise RuntimeError(verified.issuer_alias)


def fine(request):
    return HttpResponse("in")


urlpatterns = [
    path("drf", Drf.as_view()),
    path("view", access_token_required(hold)),
    path("aview", access_token_required(ahold)),
    path("fine", access_token_required(fine)),
]


def report(handler, url, issuer):
    """Return the raw token, and the page and the mail of a request that crashed."""
    raw = marked(sub="subjectmark")(issuer)
    headers = {"DPoP": PROOF, "Client-Cert": CERTIFICATE}
    with mails() as sent:
        answer = HANDLERS[handler](url, Sent((f"Bearer {raw}",), headers=headers))
    assert answer.status == 500
    [mail] = sent
    return raw, answer.body.decode() + mail


MARKS = (f"{MARK}@", "subjectmark", "proofmark", "certificatemark")


@over_every_handler
@pytest.mark.parametrize("debug", [False, True], ids=["production", "debug"])
@pytest.mark.parametrize(
    "url",
    [pytest.param(f"/{kind}", id=f"A224-{kind}") for kind in ("drf", "view", "aview")],
)
def test_a_view_that_holds_it_all(url, debug, handler, issuer, settings):
    settings.DEBUG = debug
    raw, told = report(handler, url, issuer)
    assert not leaks(raw, told, *MARKS)


@over_every_handler
@pytest.mark.parametrize("debug", [False, True], ids=["production", "debug"])
@pytest.mark.parametrize(
    "cause",
    [
        pytest.param("resolver", id="A224-resolver"),
        pytest.param("database", id="A224-database"),
    ],
)
def test_a_crash_on_the_way_to_the_user(
    cause, debug, handler, issuer, settings, configure
):
    settings.DEBUG = debug
    if cause == "resolver":
        configure({"RESOLVER": "tests.attacks.test_leakage.explode"})
    with broken_database():
        raw, told = report(handler, "/fine", issuer)
    assert not leaks(raw, told, *MARKS)


class Own(SafeExceptionReporterFilter):
    cleansed_substitute = "hidden by the project"


@pytest.mark.parametrize(
    "handler", [pytest.param(each, id=f"A224-own-filter-{each}") for each in HANDLERS]
)
def test_the_filter_of_the_project_stays(handler, issuer, settings):
    settings.DEFAULT_EXCEPTION_REPORTER_FILTER = f"{__name__}.Own"
    get_default_exception_reporter_filter.cache_clear()
    try:
        raw, told = report(handler, "/view", issuer)
    finally:
        get_default_exception_reporter_filter.cache_clear()
    assert "hidden by the project" in told
    assert not leaks(raw, told, *MARKS)


@pytest.mark.parametrize("name", [pytest.param("identity", id="A224-identity-repr")])
def test_no_repr_tells_the_subject(name, issuer, rf):
    assert "subjectmark" not in repr(FederatedIdentity(subject="subjectmark"))
