"""Every case of F, G and H, and of health, is tested, or it is said why not."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from .cases import CASES, SHARED

TESTS = Path(__file__).parents[1]
NUMBERS = {
    "JC": (
        *(1, *range(3, 8), *range(9, 14), *range(15, 20)),
        *(*range(21, 26), *range(27, 32)),
    ),
    "SS": (*range(1, 6), *range(7, 12)),
    "DI": (*range(1, 6), *range(7, 12), 13, 14),
    "MI": (1, 2, 3, 5, 6),
    "HL": (1, 2),
}


@cache
def named_in(path):
    """Return the names of the tests of a file, and all the texts in it."""
    nodes = list(ast.walk(ast.parse((TESTS / path).read_text("utf-8"))))
    names = {
        node.name
        for node in nodes
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
    }
    texts = [
        node.value
        for node in nodes
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    return names, texts


def bears(case, name, texts):
    """Whether a test's name, or the id of one of its parameters, bears the ID."""
    in_name = case.lower().replace("-", "_")
    if re.search(rf"_{in_name}_(?!s_)", f"_{name}_"):
        return True
    return any(re.match(rf"{case}(?![-\w])", text) for text in texts)


def test_no_case_is_left_out():
    assert list(CASES) == [
        f"{kind}-{number:02}" for kind, numbers in NUMBERS.items() for number in numbers
    ]
    assert list(SHARED) == [f"{case}-S" for case in CASES if case.startswith("JC")]


@pytest.mark.parametrize("case", [*CASES, *SHARED])
def test_a_case_is_tested_or_excused(case):
    proof = {**CASES, **SHARED}[case]
    if isinstance(proof, str):
        assert re.fullmatch(r"[A-Z].{30,}\.", proof)
        return
    assert proof
    for test in proof:
        path, name = test.split("::")
        names, texts = named_in(path)
        assert name in names, test
        assert bears(case, name, texts), test
