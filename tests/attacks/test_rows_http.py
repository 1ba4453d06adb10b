"""Every row of sections 5, 8, 9 and 13 is tested, or it is said why not."""

from __future__ import annotations

import re

import pytest

from tests.attacks import (
    rows_http,
    test_05_transport,
    test_08_identity,
    test_09_authorization,
    test_13_operations,
    test_leakage,
    test_leakage_introspection,
)
from tests.row_ids import ids_of

MODULES = {
    5: [test_05_transport],
    8: [test_08_identity],
    9: [test_09_authorization],
    13: [test_13_operations, test_leakage, test_leakage_introspection],
}


@pytest.mark.parametrize("section", rows_http.SECTIONS)
def test_every_row_is_tested_or_excused(section):
    ids = [id_ for module in MODULES[section] for id_ in ids_of(module)]
    numbers = {int(re.match(r"A(\d+)(?:-|$)", id_)[1]) for id_ in ids}
    excused = set(rows_http.NOT_APPLICABLE)
    assert not numbers & excused
    assert numbers == set(rows_http.SECTIONS[section]) - excused


@pytest.mark.parametrize("row", rows_http.NOT_APPLICABLE)
def test_an_excuse_is_a_sentence_about_a_row_there_is(row):
    assert any(row in rows for rows in rows_http.SECTIONS.values())
    assert re.fullmatch(r"[A-Z].{30,}\.", rows_http.NOT_APPLICABLE[row])
