"""The pytest fixtures that the package registers, and the names it offers."""

from __future__ import annotations

import subprocess
import sys

import pytest

import django_oidc_rs.testing
from django_oidc_rs import wiring
from django_oidc_rs.core.access_token import AccessToken


def test_the_fixture_access_token(access_token):
    token = access_token(scopes=["a"])
    assert isinstance(token, AccessToken)
    assert token.has_scope("a")


def test_the_fixture_fake_issuer(fake_issuer):
    token = fake_issuer.access_token("alice", ["a"])
    assert wiring.get_resource_server().validate(token).has_scope("a")
    assert len(fake_issuer.fetches) == 2


def test_the_fixture_leaves_nothing(request):
    request.getfixturevalue("fake_issuer")
    assert wiring._substitutes != []


def test_nothing_is_left_over():
    assert wiring._substitutes == []


@pytest.mark.parametrize("name", django_oidc_rs.testing.__all__)
def test_every_name_is_there(name):
    found = getattr(django_oidc_rs.testing, name)
    assert found.__name__ == name
    assert found.__doc__


def test_another_name_is_not_there():
    with pytest.raises(AttributeError, match="force_token"):
        django_oidc_rs.testing.force_token  # noqa: B018 -- looking is the test


def test_the_plugin_costs_nothing_before_django_is_set_up():
    code = (
        "import sys, django_oidc_rs.testing.plugin\n"
        "assert 'django' not in sys.modules\n"
        "assert 'cryptography' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)
