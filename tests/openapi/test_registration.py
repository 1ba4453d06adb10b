"""The extension is there where drf-spectacular is used, and costs nothing elsewhere."""

from __future__ import annotations

import subprocess
import sys
from copy import copy
from pathlib import Path

import pytest
from django.apps import apps
from django.urls import path
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.utils import extend_schema
from rest_framework.views import APIView

from django_oidc_rs.rest_framework import AccessTokenAuthentication, HasScope
from django_oidc_rs.rest_framework.schema import AccessTokenScheme
from tests.readme_blocks import blocks

from .describing import describe

START = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name in {blocked!r}:
            raise ImportError(name)

sys.meta_path.insert(0, Blocked())
import django
from django.conf import settings
settings.configure(
    INSTALLED_APPS=[
        "django_oidc_rs", {app}
        "django.contrib.auth", "django.contrib.contenttypes", "rest_framework",
    ],
    OIDC_RS=None,
)
django.setup()
print(*(name in sys.modules for name in (
    "django_oidc_rs.rest_framework.schema", "rest_framework.views",
)))
"""


@pytest.mark.parametrize(
    ("app", "blocked", "expected"),
    [
        pytest.param("", [], ["False", "False"], id="not used"),
        # Views are imported with the project's URLs, never before.
        pytest.param("'drf_spectacular',", [], ["True", "False"], id="used"),
        pytest.param(
            "'drf_spectacular',",
            ["drf_spectacular.extensions"],
            ["False", "False"],
            id="broken",
        ),
    ],
)
def test_start_up(app, blocked, expected):
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", START.format(app=app, blocked=blocked)],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.split() == expected


def test_the_app_registers_it(settings):
    settings.INSTALLED_APPS = [*settings.INSTALLED_APPS, "drf_spectacular"]
    assert apps.is_installed("drf_spectacular")
    assert OpenApiAuthenticationExtension._registry.count(AccessTokenScheme) == 1


def test_describing_asks_no_issuer(fake_issuer):
    class View(APIView):
        def get(self, request):
            """Read."""

    # One error: drf-spectacular cannot guess what the view returns.
    describe(path("x/", View.as_view()), hook=True, warnings=1)
    assert fake_issuer.fetches == []


def test_the_settings_of_the_readme(settings):
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    (code,) = (
        code for label, code in blocks(readme) if label.startswith("in settings")
    )
    names = ("INSTALLED_APPS", "REST_FRAMEWORK")
    namespace = {name: copy(getattr(settings, name)) for name in names}
    exec(code, namespace)
    for name in names:
        setattr(settings, name, namespace[name])

    class Orders(APIView):
        authentication_classes = [AccessTokenAuthentication]
        permission_classes = [HasScope("a")]

        @extend_schema(responses=str)
        def get(self, request):
            """Read."""

    described = describe(
        path("orders/", Orders.as_view()), **namespace["SPECTACULAR_SETTINGS"]
    )
    operation = described["paths"]["/orders/"]["get"]
    assert operation["security"] == [{"accessToken": ["a"]}]
    assert set(operation["responses"]) == {"200", "400", "401", "403", "503"}
