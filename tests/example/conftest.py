"""One demo for all tests of this folder that need it served."""

import pytest

from .running import serving


@pytest.fixture(scope="package")
def served(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("state")) as found:
        yield found
