"""The example project's demo: the API and a real authorization server over HTTP."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from .running import is_open, ports, run

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


def test_the_line_that_gets_a_token_sets_the_shells_variable(served):
    (line,) = re.findall(r"^TOKEN=.*$", served.printed, re.MULTILINE)
    python = f'alias python="{sys.executable}"'
    shell = subprocess.run(
        ["bash", "-O", "expand_aliases"],
        input=f'{python}\n{line}\necho "$TOKEN"\n',
        capture_output=True,
        text=True,
        check=True,
    )
    assert len(shell.stdout.strip().split(".")) == 3


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
