"""The data, the tests and the page say the same."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest

from .conformance import PAGE, page
from .requirements import REQUIREMENTS, SECTIONS, Status

TESTS = Path(__file__).resolve().parents[1]
NODE = re.compile(r"tests/(?P<file>[\w/]+\.py)::(?P<test>\w+)(?:\[(?P<id>.*)\])?$")
NUMBER = re.compile(r"[A-Z]\d+\b")


def located(section, name):
    """Return the file below ``tests``, and the function, that a row names."""
    file, _, test = name.rpartition("::")
    file = file or section.file
    return (file if "/" in file else f"standards/{file}"), test


NAMED = {
    requirement.number: {located(section, name) for name in requirement.tests}
    for section in SECTIONS
    for requirement in section.requirements
}


@pytest.fixture(scope="module")
def collected():
    """Return number -> its tests here, and all tests of the files that rows name."""
    files = {file for named in NAMED.values() for file, _ in named}
    run = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "--collect-only", "--quiet"),
            *("-p", "no:cacheprovider", "-W", "error"),
            *sorted(str(TESTS / file) for file in files),
        ],
        cwd=TESTS.parent,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    tests, by_number = set(), defaultdict(set)
    for line in run.stdout.splitlines():
        if match := NODE.match(line):
            tests.add((match["file"], match["test"]))
            if match["file"].startswith("standards/"):
                number = NUMBER.match(match["id"] or "")
                assert number, line
                by_number[number[0]].add((match["file"], match["test"]))
    return by_number, tests


def test_every_requirement_has_a_number_of_its_own():
    rows = [each for section in SECTIONS for each in section.requirements]
    assert len(rows) == len(REQUIREMENTS)
    for section in SECTIONS:
        numbers = [each.number for each in section.requirements]
        assert numbers == sorted(numbers, key=lambda number: int(number[1:]))
        assert {number[0] for number in numbers} == {section.letter}


def test_every_row_says_what_its_status_wants():
    for row in REQUIREMENTS.values():
        assert row.text.endswith(".")
        assert row.specification
        if row.status is Status.HELD:
            assert row.tests, row.number
        else:
            assert row.reason.endswith("."), row.number
        if row.status is Status.NOT_HELD:
            assert row.tests, row.number


def test_every_test_that_a_row_names_is_there(collected):
    _, tests = collected
    assert set().union(*NAMED.values()) <= tests


def test_tests_and_rows_name_each_other(collected):
    by_number, _ = collected
    for number, named in NAMED.items():
        here = {(file, test) for file, test in named if file.startswith("standards/")}
        assert by_number.pop(number, set()) == here, number
    assert not by_number


def test_the_page_is_up_to_date():
    assert PAGE.read_text("utf-8") == page()
