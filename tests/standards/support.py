"""Tests that bear the number of a requirement, and what many of them assert."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest

from tests.core.faults import GOOD, Fault
from tests.core.test_faults import arrange, make_server, make_token, refusal

__all__ = ["accept", "faults", "refuse", "renumbered", "requirement", "rows"]


def requirement(*numbers: str) -> pytest.MarkDecorator:
    """Let a test bear ``numbers``: it runs once for each, and its id begins with it.

    It stands next to the function, below other parameters.
    """
    return pytest.mark.parametrize("number", numbers, indirect=True)


def rows(name: str, table: dict[str, Any]) -> pytest.MarkDecorator:
    """Parametrise ``name`` by the values of ``table``; its keys begin with numbers."""
    return pytest.mark.parametrize(
        name, [pytest.param(value, id=id_) for id_, value in table.items()]
    )


def faults(table: Iterable[Fault]) -> pytest.MarkDecorator:
    """Parametrise ``fault`` by ``table``, by the ids of its faults."""
    return rows("fault", {fault.id: fault for fault in table})


def renumbered(table: Iterable[Fault], number: str, *new: str) -> list[Fault]:
    """Return the faults of ``number`` in ``table`` under other numbers."""
    return [
        replace(fault, id=other + fault.id.removeprefix(number))
        for other in new
        for fault in table
        if fault.id.startswith(f"{number}-")
    ]


def refuse(fault: Fault) -> None:
    """Assert that a good token passes, and with ``fault`` is ``invalid_token``."""
    case = arrange(fault)
    assert case.server.validate(case.good)
    error = refusal(case.server, case.bad)
    assert (type(error), error.claim) == (fault.raises, fault.claim)
    assert (error.status, error.error) == (401, "invalid_token")
    assert case.keys.asked == fault.asks


def accept(edits: dict[str, Any], *, good: str = "default") -> Any:
    """Assert that the good token is good with ``edits`` too; return what it says.

    ``edits`` holds ``claims`` and ``header`` as ``make_token`` takes them.
    """
    server, keys = make_server(GOOD[good])
    access_token = server.validate(make_token(GOOD[good], **edits))
    assert keys.asked == 0
    return access_token
