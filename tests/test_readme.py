"""The README's code is run; its tables, and two pages', are held against the code."""

import logging.config
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import get_commands
from django.test import override_settings

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
from django_oidc_rs.core import errors, issuers
from tests.readme_blocks import blocks, write_project
from tests.settings_faults import http, keys

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text()
SETTINGS = (ROOT / "docs" / "settings.md").read_text()
CHECKS = (ROOT / "docs" / "checks.md").read_text()
BLOCKS = blocks(README)


def test_every_python_block_has_a_label_and_is_found():
    assert README.count("```python") == len(BLOCKS) > 5


@pytest.mark.parametrize(
    "code",
    [pytest.param(c, id=label) for label, c in BLOCKS if label.startswith("settings")],
)
def test_settings_blocks_are_good_settings(code):
    namespace = {"INSTALLED_APPS": [], "MIDDLEWARE": []}
    exec(code, namespace)
    _, problems = conf.parse(namespace["OIDC_RS"])
    assert problems == []
    with override_settings(
        **{name: value for name, value in namespace.items() if name.isupper()}
    ):
        assert checks.check_middleware(None) == []
        assert checks.check_authentication_classes(None) == []


@pytest.mark.parametrize(
    "code", [pytest.param(c, id=label) for label, c in BLOCKS if "views.py" in label]
)
def test_view_blocks_run(code):
    exec(code, {"__name__": "views"})


def test_the_logging_block_is_a_logging_configuration():
    (code,) = [code for label, code in BLOCKS if label.startswith("logging")]
    namespace = {}
    exec(code, namespace)
    logging.config.DictConfigurator(namespace["LOGGING"])


@pytest.mark.django_db
@pytest.mark.parametrize(
    "code", [pytest.param(c, id=label) for label, c in BLOCKS if label == "shell"]
)
def test_shell_blocks_run(code, django_user_model):
    django_user_model.objects.create(username="alice")
    exec(code, {})


def test_the_five_minute_project_passes_its_own_tests(tmp_path):
    write_project(README, tmp_path)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDEVMODE": "1"}
    environment.pop("DJANGO_SETTINGS_MODULE", None)
    for command in (
        ["manage.py", "check"],
        ["manage.py", "migrate", "--verbosity=0"],
        [
            *("-m", "pytest", "-q", "-p", "no:randomly", "-p", "no:cacheprovider"),
            *("-p", "no:asyncio"),
            *("-p", "no:django_oidc_rs", "-p", "django_oidc_rs.testing.plugin"),
        ],
    ):
        run = subprocess.run(
            [sys.executable, *command],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert run.returncode == 0, run.stdout + run.stderr


def test_the_commands_named_exist():
    named = set(re.findall(r"manage\.py (\w+)", README)) - {"demo"}
    assert named <= set(get_commands())


def _first_cells(after, page=README):
    """The first column of the first table after a line of a page."""
    text = page[page.index(after) :]
    rows = re.search(r"(?:^\|.*\n)+", text, re.MULTILINE).group().splitlines()[2:]
    return {
        word for row in rows for word in re.findall(r"`([\w]+)`", row.split("|")[1])
    }


@pytest.mark.parametrize(
    ("heading", "page", "keys"),
    [
        ("## Settings\n", README, set(conf._TOP_KEYS)),
        ("Per issuer:\n", README, set(issuer_settings.ISSUER_KEYS)),
        ("| `KEYS` | default", SETTINGS, set(key_settings.KEYS_KEYS)),
        (
            "| `INTROSPECTION` | default",
            SETTINGS,
            set(introspection_settings.INTROSPECTION_KEYS),
        ),
        ("| `HTTP` | default", SETTINGS, set(http_settings.HTTP_KEYS)),
        ("## Users\n", README, set(user_settings.USER_KEYS)),
        ("### Profiles\n", README, set(issuers.PROFILES)),
    ],
)
def test_every_setting_has_a_row(heading, page, keys):
    assert _first_cells(heading, page) == keys


def bounds():
    """Each row with "a to b", with how settings look that hold a value of its key."""
    for heading, wrap in (("KEYS", keys), ("HTTP", http)):
        text = SETTINGS[SETTINGS.index(f"| `{heading}` | default") :]
        rows = re.search(r"(?:^\|.*\n)+", text, re.MULTILINE).group()
        for key, default, least, most in re.findall(
            r"^\| `(\w+)` \| ([\d.]+) \| ([\d.]+) to ([\d.]+)", rows, re.MULTILINE
        ):
            more = {"REFRESH": "command"} if key == "MAX_STALE" else {}
            numbers = (float(default), float(least), float(most))
            yield pytest.param(wrap, key, more, *numbers, id=key)


BOUNDS = list(bounds())


def test_the_tables_have_bounds():
    assert len(BOUNDS) == 8


@pytest.mark.parametrize(("wrap", "key", "more", "default", "least", "most"), BOUNDS)
def test_the_bounds_are_those_of_the_parser(wrap, key, more, default, least, most):
    def is_taken(value):
        return not conf.parse(wrap(**more, **{key: value}))[1]

    assert is_taken(default)
    assert is_taken(least)
    assert not is_taken(least - 0.01)
    assert is_taken(most)
    assert not is_taken(most + 0.01)


def test_every_check_has_a_row():
    documented = set(re.findall(r"^\| ([EW]\d{3}) \|", CHECKS, re.MULTILINE))
    sources = [
        checks,
        conf,
        http_settings,
        introspection_settings,
        issuer_settings,
        key_settings,
        settings_reader,
        user_settings,
    ]
    code = "".join(Path(module.__file__).read_text() for module in sources)
    assert documented == set(re.findall(r"\b([EW]\d{3})\b", code))


def test_every_reason_has_a_row():
    classes = [
        each
        for each in vars(errors).values()
        if isinstance(each, type)
        and issubclass(each, errors.ResourceServerError)
        and each is not errors.ResourceServerError
    ]
    codes = {each.code for each in classes} - {"insufficient_scope"}
    assert codes <= _first_cells("| `reason` |")
