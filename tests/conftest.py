"""What every test may use."""

import pytest

# The installed entry point is switched off in pyproject.toml, because pytest would load
# it before coverage starts; this loads the same plugin.
pytest_plugins = ["django_oidc_rs.testing.plugin"]


@pytest.fixture
def clock():
    from django_oidc_rs.testing import FakeClock

    return FakeClock()
