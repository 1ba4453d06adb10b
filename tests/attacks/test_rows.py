"""Every row of the catalogue is tried, or it is written down why not."""

from __future__ import annotations

import importlib
import re
from collections import defaultdict
from pathlib import Path

import pytest

from tests.attacks.rows import NOT_APPLICABLE, SECTIONS

ROW = re.compile(r"A(\d+)(?=-|$)")


def values_of(mark):
    """Return what ``parametrize`` was given, each with the ID that pytest gives it."""
    _, values = mark.args
    values = list(values)
    ids = mark.kwargs.get("ids")
    for index, value in enumerate(values):
        name = getattr(value, "id", None) or (list(ids)[index] if ids else value)
        yield name if isinstance(name, str) else ""


def names_of(section):
    """Return the IDs of the row's parameter of every test of ``section``."""
    for path in sorted(Path(__file__).parent.glob(f"test_{section:02}_*.py")):
        module = importlib.import_module(f"tests.attacks.{path.stem}")
        for name, test in vars(module).items():
            if not name.startswith("test_"):
                continue
            # The mark nearest to the function has the first word of the ID.
            marks = [
                mark
                for mark in getattr(test, "pytestmark", ())
                if mark.name == "parametrize"
            ]
            assert marks, f"{path.name}: {name} bears no number"
            for value in values_of(marks[0]):
                yield f"{path.name}: {name}[{value}]", value


def rows_of(section):
    """Return number -> IDs, as the tests of ``section`` bear them."""
    found = defaultdict(list)
    for place, value in names_of(section):
        match = ROW.match(value)
        assert match, f"{place} begins with no number"
        found[int(match[1])].append(value)
    return found


@pytest.mark.parametrize("section", SECTIONS)
def test_every_row_is_tried_or_cannot_be(section):
    tried, numbers = set(rows_of(section)), set(SECTIONS[section])
    excused = numbers & NOT_APPLICABLE.keys()
    assert tried == numbers - excused


def test_a_number_stands_in_one_section():
    numbers = [number for rows in SECTIONS.values() for number in rows]
    assert len(numbers) == len(set(numbers))
    assert NOT_APPLICABLE.keys() <= set(numbers)


@pytest.mark.parametrize("number", NOT_APPLICABLE)
def test_a_reason_is_one_sentence(number):
    reason = NOT_APPLICABLE[number]
    assert reason.endswith(".")
    assert ". " not in reason
