"""Settings: a mistake anywhere becomes a problem of the checks, never an exception."""

from __future__ import annotations

import copy
import functools
import operator
import re

import pytest
from django.core import checks
from django.core.exceptions import ImproperlyConfigured
from django.test import override_settings
from hypothesis import given
from hypothesis import strategies as st

from django_oidc_rs import conf, wiring
from django_oidc_rs.checks import check_deployment, check_settings
from django_oidc_rs.core.challenges import Challenge
from django_oidc_rs.core.errors import InvalidToken
from django_oidc_rs.testing.signing import SigningKey

from ..http_syntax import parse_challenge
from ..settings_faults import MODULE
from .strategies import SCALARS, TEXT, WORDS, bounded

# Nearly every key, each with a value that is good.
FULL = {
    "AUDIENCE": ["https://api.test"],
    "REALM": "api",
    "REQUIRED_PATHS": ["/api/"],
    "MAX_TOKEN_LENGTH": 8192,
    "TOKEN_CACHE": {"MAX_AGE": 60, "SIZE": 0},
    "HTTP": {
        "CONNECT_TIMEOUT": 1.5,
        "READ_TIMEOUT": 3,
        "TOTAL_TIMEOUT": 5,
        "MAX_BYTES": 65536,
        "CA_BUNDLE": "/etc/ssl/ca.pem",
        "PROXIES": {"https": "http://proxy.test:3128"},
        "ALLOW_INSECURE": ["plain.test"],
        "ALLOW_PRIVATE_ADDRESSES": ["issuer.test"],
    },
    "USERS": {"RESOLVER": "local_user", "CREATE": True, "FIELDS": {"email": "mail"}},
    "ISSUERS": {
        "discovered": {
            "ISSUER": "https://issuer.test",
            "PROFILE": "keycloak",
            "ALGORITHMS": ["RS256", "ES256"],
            "TOKEN_TYPES": ["at+jwt"],
            "REQUIRED_CLAIMS": ["exp", "sub"],
            "LEEWAY": 30,
            "MAX_TOKEN_AGE": 3600,
            "SUBJECT_CLAIM": "sub",
            "SCOPES": ["read"],
            "SCOPE_CLAIMS": ["scope"],
            "CLIENT_ID_CLAIMS": ["azp"],
            "AUDIENCE_CLAIMS": ["aud"],
            "MACHINE": {"kind": "service-*", "level": 3},
            "ALLOW_NONCE": False,
            "VALIDATION": "local",
            "VALIDATORS": [f"{MODULE}.validator"],
            "METADATA_URL": "https://issuer.test/metadata",
            "KEYS": {"DEFAULT_AGE": 600, "COOLDOWN": 30, "STALE_IF_ERROR": 0},
            "USERS": {
                "RESOLVER": "existing_user",
                "GROUPS": {"CLAIM": "roles", "MAP": {"boss": "Bosses"}},
            },
        },
        "published": {
            "ISSUER": "https://published.test",
            "AUDIENCE": "https://other.test",
            "SCOPES": ["read"],
            "JWKS_URI": "https://published.test/jwks",
        },
        "written": {
            "ISSUER": "https://written.test",
            "SCOPES": ["read"],
            "JWKS": {"keys": [SigningKey("ES256", key_id="k1").public_jwk()]},
        },
        "shared": {
            "ISSUER": "shared",
            "SCOPES": ["read"],
            "SHARED_SECRET": "0123456789abcdef0123456789abcdef",
        },
    },
}


def places(value, path=()):
    """Yield the path of everything in ``value``, itself excepted."""
    if isinstance(value, dict):
        below = value.items()
    elif isinstance(value, list):
        below = enumerate(value)
    else:
        return
    for key, item in below:
        yield (*path, key)
        yield from places(item, (*path, key))


PLACES = list(places(FULL))
# A value of JWKS is a document's, where RFC 7517 wants unknown things overlooked; what
# MACHINE compares with may be any scalar; a list may hold one claim more or less.
TYPED = [
    path
    for path in PLACES
    if not {"JWKS", "MACHINE"} & set(path[:-1]) and not isinstance(path[-1], int)
]


def replaced(settings, path, new):
    """Return a copy of ``settings`` with ``new`` at ``path``."""
    made = copy.deepcopy(settings)
    where = made
    for key in path[:-1]:
        where = where[key]
    where[path[-1]] = new
    return made


class Odd:
    """What no setting can be."""

    def __init__(self):
        self.calls = 0

    def __call__(self):
        self.calls += 1


NAMES = st.sampled_from(sorted({key for path in PLACES for key in map(str, path)}))
ANYTHING = st.recursive(
    SCALARS.filter(lambda value: not isinstance(value, int) or abs(value) < 10**400)
    | st.binary(max_size=40)
    | st.just(float("nan"))
    | st.builds(Odd)
    | st.sampled_from(
        [
            "RS256",
            "HS256",
            "https://[",
            "http://issuer.test",
            " x",
            "*",
            "/",
            ".",
            "a.b",
        ]
    ),
    lambda below: (
        st.lists(below, max_size=3)
        | st.tuples(below, below)
        | st.dictionaries(NAMES | TEXT | st.integers(), below, max_size=3)
    ),
    max_leaves=5,
)


def checked(raw):
    """Return the ids of all problems, as system checks list them."""
    with override_settings(OIDC_RS=raw):
        return [
            message.id for message in (*check_settings(None), *check_deployment(None))
        ]


def serve(raw):
    """Demand that settings serve if, and only if, the checks find no error."""
    before = repr(raw)
    config, problems = conf.parse(raw)
    assert repr(raw) == before
    assert checked(raw) == [
        f"django_oidc_rs.{each.id}"
        for each in sorted(problems, key=lambda each: each.deploy)
    ]
    for problem in problems:
        assert re.fullmatch(r"[EW]\d{3}", problem.id)
        assert "OIDC_RS" in problem.message
    errors = [each for each in problems if each.is_error]
    with override_settings(OIDC_RS=raw):
        if errors:
            with pytest.raises(ImproperlyConfigured) as caught:
                wiring.get_resource_server()
            assert all(each.id in str(caught.value) for each in errors)
            return
        server = wiring.get_resource_server()
    assert [each.policy for each in server.validators] == list(config.issuers)
    with pytest.raises(InvalidToken):
        server.validate("e30.e30.AA")
    assert config.required_paths
    assert all(re.fullmatch(r"/[^*?]*", path) for path in config.required_paths)
    assert 256 <= config.max_token_length <= 2**20
    parse_challenge(str(Challenge(realm=config.realm)))
    for policy in config.issuers:
        assert policy.issuer
        assert policy.audience
        assert policy.algorithms
        assert policy.token_types
        assert 0 <= policy.leeway <= 3600


def test_the_settings_to_start_from_are_good():
    # Plain http and a time of validity are what checks are there to mention.
    assert set(checked(FULL)) <= {"django_oidc_rs.W002", "django_oidc_rs.W003"}
    serve(FULL)


# One of each kind, and numbers out of every bound.
KINDS = (
    *(None, True, 0, -1, 1e12, float("inf"), float("nan"), 1j, "", "x", b"x", Odd()),
    *([], [[]], [{}], ["x"], (1,), {"x"}, {}, {"x": []}, {1: "x"}),
)


@pytest.mark.parametrize("path", PLACES, ids=lambda path: ".".join(map(str, path)))
def test_every_kind_of_value_anywhere_is_a_problem_or_serves(path):
    for new in KINDS:
        serve(replaced(FULL, path, new))


NUMBERS = [
    path
    for path in TYPED
    if type(functools.reduce(operator.getitem, path, FULL)) in {int, float}
]


@pytest.mark.parametrize("path", NUMBERS, ids=lambda path: ".".join(map(str, path)))
def test_a_number_out_of_bounds_is_an_error(path):
    for number in (-1, 1e12, float("inf"), float("nan"), 10**400):
        ids = checked(replaced(FULL, path, number))
        assert any(each.startswith("django_oidc_rs.E") for each in ids), number


@given(st.sampled_from(PLACES), ANYTHING)
@bounded(150)
def test_anything_anywhere_is_a_problem_or_serves(path, new):
    serve(replaced(FULL, path, new))


@given(ANYTHING)
@bounded(60)
def test_anything_at_all_is_a_problem_or_serves(raw):
    serve(raw)


@given(st.sampled_from(TYPED), st.builds(Odd) | st.just(...) | st.just(1j))
@bounded(60)
def test_what_is_of_no_kind_that_settings_have_is_an_error(path, new):
    ids = checked(replaced(FULL, path, new))
    assert any(each.startswith("django_oidc_rs.E") for each in ids), path


@pytest.mark.parametrize("path", TYPED, ids=lambda path: ".".join(map(str, path)))
def test_what_a_missing_variable_leaves_is_an_error(path):
    if path[-1] == "MAX_TOKEN_AGE":
        # None is its default: no limit.
        assert "django_oidc_rs.E011" not in checked(replaced(FULL, path, None))
        return
    ids = checked(replaced(FULL, path, None))
    assert any(each.startswith("django_oidc_rs.E") for each in ids)


@given(
    st.sampled_from(
        [(), ("HTTP",), ("USERS",), ("ISSUERS", "shared"), ("TOKEN_CACHE",)]
        + [("ISSUERS", "discovered", name) for name in ("KEYS", "USERS")]
    ),
    WORDS | TEXT,
    SCALARS,
)
@bounded(60)
def test_a_key_nobody_knows_is_an_error_wherever_it_stands(path, key, value):
    assert "django_oidc_rs.E002" in checked(replaced(FULL, (*path, key), value))


def test_the_messages_are_those_of_django():
    with override_settings(OIDC_RS={}):
        assert all(isinstance(each, checks.Error) for each in check_settings(None))
