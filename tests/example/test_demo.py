"""The example project's demo: the API and a real authorization server over HTTP."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys

import pytest

from .running import EXAMPLE, is_open, ports, run

pytest.importorskip("rest_framework")
pytest.importorskip("allauth")

REQUESTS = 58


def verdicts(printed):
    """Return the last word of every row of the table."""
    row = r"^  (?:GET|POST|DELETE) /.* (ok|DIFFERENT)$"
    return re.findall(row, printed, re.MULTILINE)


def test_every_answer_is_as_expected(tmp_path):
    status, printed = run("demo", "--state", tmp_path)
    assert verdicts(printed) == ["ok"] * REQUESTS, printed
    assert status == 0
    assert "all as expected." in printed
    assert not any(map(is_open, ports(printed)))


def test_it_says_what_it_waits_for_before_and_after_the_keys(served):
    first, _, rest = served.printed.partition("manage.py sync_oidc_keys:")
    then, _, _ = rest.partition("The page")
    for printed in (first, then):
        assert re.search(r" \.\.\.$", printed, re.MULTILINE)


def test_the_page_is_up_before_anything_is_asked(served):
    assert verdicts(served.printed) == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("The page", lambda served: served.page),
        ("ISSUER", lambda served: served.issuer),
        ("AUDIENCE", lambda served: "https://orders.example/"),
    ],
)
def test_what_a_newcomer_needs_is_printed(served, name, value):
    assert re.search(
        rf"^{name} +{re.escape(value(served))}$", served.printed, re.MULTILINE
    )


def test_a_second_demo_leaves_the_first_alone(served):
    kept = [served.state / name for name in ("api.sqlite3", "signing_keys")]
    before = [path.stat().st_ino for path in kept]
    status, printed = run("demo", "--state", served.state)
    assert status == 1
    assert "another demo uses" in printed
    status, printed = run("demo", "--state", served.state, "--port", served.port)
    assert status == 1
    assert f"port {served.port} of 127.0.0.1 is taken" in printed
    assert [path.stat().st_ino for path in kept] == before


def shell(lines):
    done = subprocess.run(
        ["bash"],
        input="\n".join(lines),
        # Of a terminal in which no environment is active.
        env={"PATH": os.path.dirname(shutil.which("curl")) + ":/usr/bin:/bin"},
        capture_output=True,
        text=True,
    )
    return done.stdout.strip(), done.stderr


def test_the_lines_that_get_a_token_ask_about_it_and_revoke_it(served):
    (get,) = re.findall(r"^TOKEN=.*$", served.printed, re.MULTILINE)
    (revoke,) = re.findall(r"^curl .*/revoke$", served.printed, re.MULTILINE)
    (asks,) = re.findall(r"^INTROSPECTION +(.*)$", served.printed, re.MULTILINE)
    asks = json.loads(asks)
    ask = (
        f"curl -s -u {asks['CLIENT_ID']}:{asks['CLIENT_SECRET']} -d token=$TOKEN "
        f"{served.issuer}/identity/o/api/introspect"
    )
    printed, _ = shell([get, 'echo "$TOKEN"', ask, "echo", revoke, "echo", ask])
    token, before, *_, after = printed.splitlines()
    assert len(token.split(".")) == 3
    assert json.loads(before)["active"] is True
    assert json.loads(after) == {"active": False}


def test_the_line_that_gets_a_token_says_why_it_gets_none(served):
    (get,) = re.findall(r"^TOKEN=.*$", served.printed, re.MULTILINE)
    _, said = shell([get.replace("orders:import", "orders:admin")])
    assert "No token: {'error': 'invalid_scope'" in said
    assert "Traceback" not in said


@pytest.mark.parametrize("module", ["django", "drf_spectacular"])
def test_a_missing_extra_is_named(module):
    script = (
        "import runpy, sys; sys.modules[sys.argv[1]] = None; "
        "path = sys.argv[2]; sys.argv[:] = [path, 'check']; "
        "sys.path.insert(0, path.rpartition('/')[0]); "
        "runpy.run_path(path, run_name='__main__')"
    )
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "api.settings",
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
    }
    done = subprocess.run(
        [sys.executable, "-c", script, module, str(EXAMPLE / "manage.py")],
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert 'pip install -e ".[demo]"' in done.stderr
    assert "Traceback" not in done.stderr


def test_who_may_sign_in_is_printed(served):
    assert "sign in as alice, bob, carol" in served.printed
    assert "the password is: correct horse battery staple" in served.printed


def test_the_demo_fails_when_the_api_expects_another_audience(tmp_path):
    status, printed = run(
        "demo", "--state", tmp_path, EXAMPLE_AUDIENCE="https://elsewhere.example/"
    )
    found = verdicts(printed)
    assert status == 1, printed
    assert len(found) == REQUESTS, printed
    assert {"ok", "DIFFERENT"} == set(found)
    assert not any(map(is_open, ports(printed)))


def test_the_demo_deletes_no_directory_but_its_own(tmp_path):
    for name in ("api.sqlite3", "thesis.txt"):
        (tmp_path / name).touch()
    status, printed = run("demo", "--state", tmp_path)
    assert status == 1
    assert "left alone" in printed
    assert {path.name for path in tmp_path.iterdir()} == {"api.sqlite3", "thesis.txt"}


@pytest.mark.parametrize("project", ["api", "authorization_server"])
def test_check_has_nothing_to_say(project, tmp_path):
    status, printed = run(
        *("check", "--fail-level", "INFO", "--settings", f"{project}.settings"),
        EXAMPLE_STATE=str(tmp_path),
    )
    assert status == 0, printed


@pytest.mark.parametrize("project", ["api", "authorization_server"])
def test_no_migration_is_missing(project, tmp_path):
    status, printed = run(
        *("makemigrations", "--check", "--dry-run"),
        *("--settings", f"{project}.settings"),
        EXAMPLE_STATE=str(tmp_path),
    )
    assert status == 0, printed
