"""The IDs that the tests of a module carry in their parameters."""

from __future__ import annotations

from types import ModuleType

__all__ = ["ids_of"]


def ids_of(module: ModuleType) -> list[str]:
    """Return what the ids of every parametrised test of ``module`` begin with.

    Whatever is not parametrised carries no ID, and is left out.
    """
    return [
        getattr(value, "id", value)
        for name, test in vars(module).items()
        if name.startswith("test_")
        # The decorator next to the function comes first, there and in ids.
        for mark in [mark for mark in test.pytestmark if mark.name == "parametrize"][:1]
        for value in mark.args[1]
    ]
