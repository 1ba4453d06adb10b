"""Keys written in settings."""

from __future__ import annotations

import math

import pytest

from django_oidc_rs.core.jwk import parse_jwk_set
from django_oidc_rs.core.keys import StaticKeys

from .fakes import signing_key


@pytest.mark.parametrize("wait", [True, False])
def test_ks_09_static_keys_serve_for_ever_and_wait_for_nothing(wait):
    document = {"keys": [signing_key("a").public_jwk()]}
    keys = parse_jwk_set(document, algorithms=["ES256"])
    static = StaticKeys(keys)
    assert static.snapshot(wait=wait).keys is keys
    assert static.snapshot(wait=wait).usable_until == math.inf
    # There is no newer set to look for, so nobody is asked what is wanted.
    assert static.snapshot_with(pytest.fail, wait=wait).keys is keys
