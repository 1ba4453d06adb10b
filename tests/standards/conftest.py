"""The number a test bears."""

import pytest


@pytest.fixture(autouse=True)
def number(request):
    """The requirement a test was marked with, None where its rows carry numbers."""
    return getattr(request, "param", None)
