"""Every case of sections A to E, I, L and M is tested, or it is said why not."""

from __future__ import annotations

import re

import pytest

from tests.cases import (
    rows,
    test_extraction,
    test_introspection,
    test_issuer_audience,
    test_key_selection,
    test_responses,
    test_structure,
    test_time,
    test_token_cache,
)
from tests.row_ids import ids_of

MODULES = {
    "A": test_extraction,
    "B": test_structure,
    "C": test_time,
    "D": test_issuer_audience,
    "E": test_key_selection,
    "I": test_introspection,
    "L": test_responses,
    "M": test_token_cache,
}


@pytest.mark.parametrize("section", rows.SECTIONS)
def test_every_case_is_tested_or_excused(section):
    ids = ids_of(MODULES[section])
    tested = {re.match(r"[A-Z]{2}-\d\d(?=-|$)", id_)[0] for id_ in ids}
    excused = set(rows.NOT_APPLICABLE)
    assert not tested & excused
    assert tested == set(rows.SECTIONS[section]) - excused


@pytest.mark.parametrize("case", rows.NOT_APPLICABLE)
def test_an_excuse_is_a_sentence_about_a_case_there_is(case):
    assert any(case in cases for cases in rows.SECTIONS.values())
    assert re.fullmatch(r"[A-Z].{30,}\.", rows.NOT_APPLICABLE[case])
