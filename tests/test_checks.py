"""System checks: the settings' problems, and what stands around them."""

import os
import re
import subprocess
import sys
from pathlib import Path

import django
import pytest
from django.apps import apps
from django.contrib import admin
from django.core import checks as django_checks
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.db import connection
from django.http import HttpResponse
from django.test import Client, override_settings
from django.urls import path, re_path, set_script_prefix
from rest_framework.authentication import BasicAuthentication, SessionAuthentication

from django_oidc_rs import (
    checks,
    conf,
    http_settings,
    introspection_settings,
    issuer_settings,
    key_settings,
    settings_reader,
    user_settings,
)
from django_oidc_rs.rest_framework import AccessTokenAuthentication

from .settings_faults import FAULTS, introspection, top

OURS = "django_oidc_rs.rest_framework.AccessTokenAuthentication"
OURS_IN_FULL = "django_oidc_rs.rest_framework.authentication.AccessTokenAuthentication"
SESSION = "rest_framework.authentication.SessionAuthentication"
REQUIRED = "django_oidc_rs.middleware.AccessTokenRequiredMiddleware"
ON_DEMAND = "django_oidc_rs.middleware.ResourceServerMiddleware"
CSRF = "django.middleware.csrf.CsrfViewMiddleware"
CORS = "corsheaders.middleware.CorsMiddleware"
BROKEN = {"ISSUERS": {"default": {"ISSUER": "http://idp.test"}}, "REALM": 7}

urlpatterns = [path("admin/", admin.site.urls), path("x/", lambda _: HttpResponse())]


class Subclass(AccessTokenAuthentication):
    """A project's own."""


def ids(messages):
    return [message.id.removeprefix("django_oidc_rs.") for message in messages]


def test_every_check_id_has_a_test():
    """Each id in the source stands in a row of FAULTS or in a test of this module."""
    modules = (
        checks,
        conf,
        http_settings,
        introspection_settings,
        issuer_settings,
        key_settings,
        settings_reader,
        user_settings,
    )
    source = "".join(Path(module.__file__).read_text() for module in modules)
    tested = {problem_id for _, problem_id, _ in FAULTS.values()}
    tested |= set(re.findall(r'"([EW]\d{3})"', Path(__file__).read_text()))
    assert set(re.findall(r"\b([EW]\d{3})\b", source)) == tested
    # The twelfth was for settings whose features were not built yet.
    assert {f"E{n:03}" for n in range(1, 30) if n != 12} <= tested
    assert {f"W{number:03}" for number in range(1, 9)} <= tested


# The settings' problems as messages.


@pytest.mark.parametrize(
    ("raw", "problem_id"),
    [(raw, problem_id) for raw, problem_id, _ in FAULTS.values()],
    ids=FAULTS.keys(),
)
def test_a_problem_is_a_message(raw, problem_id):
    with override_settings(OIDC_RS=raw):
        plain, deploy = checks.check_settings(None), checks.check_deployment(None)
    assert ids(plain + deploy) == [problem_id]
    assert bool(deploy) is (problem_id in {"W003", "W005"})
    (message,) = plain + deploy
    expected = django_checks.Error if problem_id[0] == "E" else django_checks.Warning
    assert type(message) is expected
    # What to do about it: in the hint, or in what the value must be.
    assert message.hint or " must " in message.msg


def test_the_setting_left_out_is_one_error():
    with override_settings():
        from django.conf import settings

        del settings.OIDC_RS
        assert ids(checks.check_settings(None)) == ["E001"]
        assert checks.check_deployment(None) == []
        with pytest.raises(SystemCheckError, match=r"django_oidc_rs\.E001"):
            call_command("check")


@pytest.mark.parametrize("seconds", [0, 30])
@pytest.mark.parametrize("atomic", [False, True])
@pytest.mark.parametrize("backend", ["db.DatabaseCache", "redis.RedisCache"])
def test_answers_are_kept_where_no_request_rolls_them_back(
    seconds, atomic, backend, monkeypatch
):
    caches = {"default": {"BACKEND": f"django.core.cache.backends.{backend}"}}
    monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", atomic)
    rolled_back = seconds and atomic and backend == "db.DatabaseCache"
    for raw, advice in (
        (introspection(CACHE_SECONDS=seconds), ["W008"] if rolled_back else []),
        (top(), []),
    ):
        with override_settings(OIDC_RS=raw, CACHES=caches):
            assert ids(checks.check_settings(None)) == advice


def test_good_settings_have_no_message():
    for check in (
        checks.check_settings,
        checks.check_deployment,
        checks.check_authentication_classes,
        checks.check_middleware,
        checks.check_environment,
    ):
        assert check(None) == []


@pytest.mark.parametrize(
    ("fault", "problem_id"),
    [("two issuers without SCOPES", "W003"), ("two issuers share GROUPS", "W005")],
)
def test_deployment_advice_comes_with_deploy_only(fault, problem_id):
    with override_settings(OIDC_RS=FAULTS[fault][0]):
        call_command("check", fail_level="WARNING")
        with pytest.raises(SystemCheckError, match=rf"django_oidc_rs\.{problem_id}"):
            call_command("check", deploy=True, fail_level="WARNING")


# Authentication classes: E021.


@pytest.mark.parametrize(
    ("classes", "expected"),
    [
        ([OURS], []),
        ([OURS, SESSION], []),
        ((OURS_IN_FULL, SESSION), []),
        ([AccessTokenAuthentication, SessionAuthentication], []),
        ([SESSION], []),
        ([SessionAuthentication], []),
        ([], []),
        (None, []),
        # What REST framework itself refuses is not ours to report, nor to fall over.
        (OURS, []),
        ([SESSION, None, 7, "nowhere", "no_such_module.X", ".x"], []),
        ([SESSION, OURS], ["E021"]),
        ((SESSION, OURS_IN_FULL), ["E021"]),
        ([SESSION, OURS, OURS], ["E021"]),
        ([SessionAuthentication, AccessTokenAuthentication], ["E021"]),
        ([BasicAuthentication, OURS], ["E021"]),
        ([SESSION, f"{__name__}.Subclass"], ["E021"]),
        ([f"{__name__}.Subclass", SESSION], []),
        ([Subclass, SESSION, OURS], []),
        (["nowhere", OURS], ["E021"]),
        ([7, OURS], ["E021"]),
    ],
)
def test_our_authentication_class_stands_first(classes, expected):
    configured = {"DEFAULT_AUTHENTICATION_CLASSES": classes}
    with override_settings(REST_FRAMEWORK=configured):
        assert ids(checks.check_authentication_classes(None)) == expected


@pytest.mark.parametrize("configured", [None, {}, [], {"PAGE_SIZE": 7}])
def test_rest_framework_may_be_left_alone(configured):
    with override_settings(REST_FRAMEWORK=configured):
        assert checks.check_authentication_classes(None) == []


def test_rest_framework_may_be_unknown():
    with override_settings():
        from django.conf import settings

        del settings.REST_FRAMEWORK
        assert checks.check_authentication_classes(None) == []


def test_the_first_class_is_named():
    for first in (SESSION, SessionAuthentication):
        configured = {"DEFAULT_AUTHENTICATION_CLASSES": [first, OURS]}
        with override_settings(REST_FRAMEWORK=configured):
            (message,) = checks.check_authentication_classes(None)
        assert message.msg.startswith(SESSION)


# Middleware: E022, E023, W004.


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ([], []),
        ([CSRF, CORS], []),
        ([ON_DEMAND, CSRF, CORS], []),
        ([CSRF, ON_DEMAND], []),
        ([REQUIRED], []),
        ([REQUIRED, CSRF], []),
        ([CORS, REQUIRED, CSRF], []),
        ([CSRF, REQUIRED], ["E022"]),
        ([REQUIRED, CORS], ["E023"]),
        ([CORS, CSRF, REQUIRED], ["E022"]),
        ([CSRF, REQUIRED, CORS], ["E022", "E023"]),
        ((CSRF, REQUIRED), ["E022"]),
    ],
)
def test_the_order_of_middleware(order, expected):
    with override_settings(MIDDLEWARE=order):
        assert ids(checks.check_middleware(None)) == expected


@pytest.mark.parametrize(
    ("required_paths", "prefix", "expected"),
    [
        (["/"], "/", ["W004"]),
        (["/admin/"], "/", ["W004"]),
        (["/api/", "/admin"], "/", ["W004"]),
        (["/api/"], "/", []),
        (["/adm"], "/", []),
        (["/admin/"], "/behind/", ["W004"]),
        (["/behind/"], "/behind/", []),
    ],
)
def test_the_admin_under_a_covered_path(required_paths, prefix, expected):
    set_script_prefix(prefix)
    try:
        with override_settings(
            MIDDLEWARE=[REQUIRED],
            ROOT_URLCONF=__name__,
            OIDC_RS=top(REQUIRED_PATHS=required_paths),
        ):
            assert ids(checks.check_middleware(None)) == expected
    finally:
        set_script_prefix("/")


def test_the_admin_matters_under_that_middleware_only():
    with override_settings(MIDDLEWARE=[ON_DEMAND], ROOT_URLCONF=__name__):
        assert checks.check_middleware(None) == []


def test_the_admin_under_a_covered_path_is_told_both_ways():
    """Who signs in there is locked out, and who holds a token is let in."""
    with override_settings(MIDDLEWARE=[REQUIRED], ROOT_URLCONF=__name__):
        (message,) = checks.check_middleware(None)
    assert {"token", "staff", "scopes", "CSRF", "browsers"} <= set(
        re.findall(r"\w+", message.msg)
    )


class NoAddress:
    """A URLconf of which Django cannot reverse anything, but which it serves."""

    urlpatterns = [*urlpatterns, re_path(r"^(?i:api2)/x/$", lambda _: HttpResponse())]


@pytest.mark.parametrize("order", [[REQUIRED], [CSRF, REQUIRED]])
def test_a_pattern_without_an_address_stops_no_check(order):
    with override_settings(MIDDLEWARE=order, ROOT_URLCONF=NoAddress):
        assert Client().get("/API2/x/").status_code == 401
        expected = ["E022"] if CSRF in order else []
        assert ids(checks.check_middleware(None)) == expected


def test_middleware_is_checked_though_the_settings_are_broken():
    with override_settings(
        MIDDLEWARE=[CSRF, REQUIRED], ROOT_URLCONF=__name__, OIDC_RS=BROKEN
    ):
        assert ids(checks.check_middleware(None)) == ["E022", "W004"]


# The environment: E024, E025.


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ((5, 2, 14, "final", 0), ["E024"]),
        ((4, 2, 30, "final", 0), ["E024"]),
        ((5, 2, 15, "final", 0), []),
        ((5, 2, 99, "final", 0), []),
        ((6, 0, 0, "alpha", 0), ["E024"]),
        ((6, 0, 0, "final", 0), ["E024"]),
        ((6, 0, 5, "final", 0), ["E024"]),
        ((6, 0, 6, "final", 0), []),
        ((6, 1, 0, "final", 0), []),
    ],
)
def test_the_version_of_django(version, expected, monkeypatch):
    monkeypatch.setattr(django, "VERSION", version)
    assert ids(checks.check_environment(None)) == expected


def test_auth_must_be_installed():
    installed = [app.name for app in apps.get_app_configs()]
    installed.remove("django.contrib.auth")
    with override_settings(INSTALLED_APPS=installed):
        assert ids(checks.check_environment(None)) == ["E025"]


# All of it is registered, and nothing keeps the app from starting.


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        ({"OIDC_RS": BROKEN}, "E013"),
        (
            {"REST_FRAMEWORK": {"DEFAULT_AUTHENTICATION_CLASSES": [SESSION, OURS]}},
            "E021",
        ),
        ({"MIDDLEWARE": [CSRF, REQUIRED]}, "E022"),
        ({"MIDDLEWARE": [REQUIRED, CORS]}, "E023"),
    ],
)
def test_check_runs_them(overrides, expected):
    apart = {"INSTALLED_APPS": ["django.contrib.auth", "django.contrib.contenttypes"]}
    apart["INSTALLED_APPS"] += ["rest_framework", "django_oidc_rs"]
    with (
        override_settings(**apart, **overrides),
        pytest.raises(SystemCheckError) as caught,
    ):
        call_command("check")
    assert f"django_oidc_rs.{expected}" in str(caught.value)


def test_the_environment_is_checked_too(monkeypatch):
    monkeypatch.setattr(django, "VERSION", (5, 2, 0, "final", 0))
    with pytest.raises(SystemCheckError, match=r"django_oidc_rs\.E024"):
        call_command("check")


START = """
from django.conf import settings
settings.configure(
    SECRET_KEY="x",
    INSTALLED_APPS={apps},
    OIDC_RS={oidc_rs},
    DATABASES={{
        "default": {{"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
    }},
)
import django
django.setup()
from django.apps import apps
assert apps.get_app_config("django_oidc_rs").verbose_name == "OIDC resource server"
from django.core.management import ManagementUtility
ManagementUtility(["manage.py", "check"]).execute()
"""
AUTH = ["django.contrib.auth", "django.contrib.contenttypes"]


def start(installed, oidc_rs):
    """Run ``check`` in a process of its own: the first import is what could fail."""
    return subprocess.run(
        [
            *(sys.executable, "-W", "error", "-c"),
            START.format(apps=installed, oidc_rs=oidc_rs),
        ],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("installed", "oidc_rs", "expected"),
    [
        ([*AUTH, "django_oidc_rs"], {"AUDIENCE": None, "ISSUERS": 7}, "E003"),
        (["django_oidc_rs", *AUTH], ["x"], "E003"),
        ([*AUTH, "django_oidc_rs"], None, "E001"),
        # Where models of ours cannot be used, check must still be able to say why.
        (["django_oidc_rs"], top(USERS={"FIELDS": {"email": "email"}}), "E025"),
    ],
    ids=["broken", "broken shape", "None", "without auth"],
)
def test_the_app_starts_whatever_the_settings(installed, oidc_rs, expected):
    done = start(installed, oidc_rs)
    assert done.returncode == 1, done.stderr
    assert f"django_oidc_rs.{expected}" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_app_starts_with_good_settings():
    done = start([*AUTH, "django_oidc_rs"], top())
    assert (done.returncode, done.stderr) == (0, "")
    assert "no issues" in done.stdout
