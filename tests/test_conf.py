"""settings.OIDC_RS -> Config: a mistake is one clear problem, and never let through."""

import sys
from collections import UserDict
from io import StringIO

import pytest
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import User
from django.core.exceptions import ImproperlyConfigured
from django.core.management import ManagementUtility, call_command
from django.core.management.base import SystemCheckError
from django.db import models
from django.test import override_settings
from django.test.utils import isolate_apps
from hypothesis import given, settings
from hypothesis import strategies as st

from django_oidc_rs import (
    conf,
    http_settings,
    issuer_settings,
    key_settings,
    user_settings,
)
from django_oidc_rs.conf import get_config, parse
from django_oidc_rs.core.issuers import DEFAULT_ALGORITHMS, PROFILES
from django_oidc_rs.middleware import (
    AccessTokenRequiredMiddleware,
    ResourceServerMiddleware,
)
from django_oidc_rs.wiring import get_resource_server

from .settings_faults import (
    FAULTS,
    ISSUER,
    JWKS,
    MODULE,
    SECRET,
    callable_object,
    groups,
    http,
    introspection,
    issuer,
    keys,
    top,
    users,
    validator,
    without,
)

WITH_ENC = {"keys": [*JWKS["keys"], {**JWKS["keys"][0], "kid": "e", "use": "enc"}]}
SIX_MISTAKES = {
    "AUDIENCE": "",
    "AUDIENCES": ["https://api.test"],
    "REALM": 'a"b',
    "HTTP": {"READ_TIMEOUT": -1},
    "ISSUERS": {"default": {"ISSUER": "http://idp.test", "LEEWAY": float("nan")}},
}


def policy_of(raw):
    config, problems = parse(raw)
    assert problems == []
    return config.issuers[0]


def ids(raw):
    return [problem.id for problem in parse(raw)[1]]


# One mistake, one problem.


@pytest.mark.parametrize(
    ("raw", "problem_id", "place"), FAULTS.values(), ids=FAULTS.keys()
)
def test_a_mistake_is_one_problem_at_its_place(raw, problem_id, place):
    (problem,) = parse(raw)[1]
    assert problem.id == problem_id
    assert problem.message.startswith(place)
    assert problem.is_error is problem_id.startswith("E")
    assert problem.message.endswith(".")


@pytest.mark.parametrize(
    "raw",
    [raw for raw, problem_id, _ in FAULTS.values() if problem_id.startswith("E")],
    ids=[name for name, row in FAULTS.items() if row[1].startswith("E")],
)
def test_no_mistake_can_be_used(raw):
    with override_settings(OIDC_RS=raw):
        with pytest.raises(ImproperlyConfigured):
            get_config()
        with pytest.raises(ImproperlyConfigured):
            get_resource_server()


@pytest.mark.parametrize(
    "raw",
    [raw for raw, problem_id, _ in FAULTS.values() if problem_id.startswith("W")],
    ids=[name for name, row in FAULTS.items() if row[1].startswith("W")],
)
def test_advice_can_be_ignored(raw):
    with override_settings(OIDC_RS=raw):
        assert get_config().issuers


def test_the_good_settings_have_no_problem():
    assert ids(top()) == []


@pytest.mark.parametrize(
    ("raw", "meant"),
    [
        (top(AUDIANCE="x"), "'AUDIENCE'"),
        (top(issuers={}), "'ISSUERS'"),
        (issuer(ALGORITHM=["RS256"]), "'ALGORITHMS'"),
        (issuer(jwks_url="x"), "'JWKS_URI'"),
        (keys(COOL_DOWN=30), "'COOLDOWN'"),
        (http(TIMEOUT=3), "'READ_TIMEOUT'"),
        (users(RESOLVERS="x"), "'RESOLVER'"),
        (groups({"CLAIM": "a", "MAP": {"a": "b"}, "MAPS": {}}), "'MAP'"),
        (top(TOKEN_CACHE={"SIZES": 0}), "'SIZE'"),
    ],
)
def test_an_unknown_key_has_a_spelling_hint(raw, meant):
    (problem,) = parse(raw)[1]
    assert problem.id == "E002"
    assert f"Did you mean {meant}?" in problem.hint


def test_a_key_like_no_other_is_told_all_there_are():
    (problem,) = parse(keys(XYZ=1))[1]
    assert all(key in problem.hint for key in key_settings.KEYS_KEYS)


def test_a_secret_is_in_no_message():
    secret = "hunter2" * 3
    (problem,) = parse(issuer(SHARED_SECRET=secret))[1]
    assert secret not in f"{problem}"
    (problem,) = parse(issuer(ISSUER=f"https://user:{secret}@idp.test"))[1]
    assert secret not in f"{problem}"
    policy = policy_of(issuer(SHARED_SECRET=SECRET))
    assert SECRET not in repr(policy)


# All problems at once.


def test_all_problems_are_listed_at_once():
    assert ids(SIX_MISTAKES) == ["E002", "E020", "E003", "E013", "E011", "E003"]


def test_check_lists_all_problems_and_fails():
    with override_settings(OIDC_RS=SIX_MISTAKES):
        with pytest.raises(SystemCheckError) as caught:
            call_command("check")
        text = str(caught.value)
        assert text.count("(django_oidc_rs.E") == 6
        assert "6 issues" in text


def test_check_exits_with_a_failure(capsys):
    with override_settings(OIDC_RS=SIX_MISTAKES), pytest.raises(SystemExit) as caught:
        ManagementUtility(["manage.py", "check"]).execute()
    assert caught.value.code == 1
    assert "6 issues" in capsys.readouterr().err


def _told(problem):
    """What a line of ``manage.py check`` says, and its hint."""
    yield f"django_oidc_rs.{problem.id}: {problem.message}"
    if problem.hint:
        yield f"    HINT: {problem.hint}"


@pytest.mark.parametrize(
    "use",
    [
        get_config,
        get_resource_server,
        lambda: AccessTokenRequiredMiddleware(lambda request: None),
        lambda: ResourceServerMiddleware(lambda request: None),
    ],
    ids=["config", "resource server", "required", "on demand"],
)
def test_the_first_use_raises_the_same_list(use):
    with override_settings(OIDC_RS=SIX_MISTAKES):
        told = [line for problem in parse(SIX_MISTAKES)[1] for line in _told(problem)]
        for _attempt in range(2):
            with pytest.raises(ImproperlyConfigured) as caught:
                use()
            assert str(caught.value).splitlines() == told
            assert "    HINT: Did you mean 'AUDIENCE'?" in told


def test_missing_settings_are_refused_too():
    with override_settings():
        from django.conf import settings

        del settings.OIDC_RS
        with pytest.raises(ImproperlyConfigured, match="E001"):
            get_config()


# override_settings.


def test_overriding_is_followed_and_ends():
    before, server = get_config(), get_resource_server()
    assert get_config() is before
    with override_settings(OIDC_RS=issuer(ISSUER="https://other.test")):
        assert [p.issuer for p in get_config().issuers] == ["https://other.test"]
        (inside,) = get_resource_server().validators
        assert inside.policy.issuer == "https://other.test"
        with override_settings(OIDC_RS=top(REALM="inner")):
            assert get_config().realm == "inner"
        assert get_config().realm == "api"
        assert get_resource_server().validators[0].policy.issuer == "https://other.test"
    assert get_config() == before
    after = get_resource_server()
    assert after is not server
    assert [v.policy for v in after.validators] == list(before.issuers)


def test_overriding_something_else_changes_nothing():
    before = get_config()
    with override_settings(TIME_ZONE="UTC"):
        assert get_config() is before


def test_another_user_model_is_followed():
    before = get_config()
    with override_settings(AUTH_USER_MODEL="auth.User"):
        assert get_config() is not before


# Every setting: default and good value.


def _of_config(name):
    return lambda raw: getattr(parse(raw)[0], name)


def _of_policy(name):
    return lambda raw: getattr(policy_of(raw), name)


def _of_http(name):
    return lambda raw: getattr(parse(raw)[0].http, name)


def _of_keys(name):
    return lambda raw: getattr(policy_of(raw).keys, name)


def _of_users(name):
    return lambda raw: getattr(parse(raw)[0].users["default"], name)


@pytest.mark.parametrize(
    ("read", "default", "raw", "value"),
    [
        (_of_config("realm"), "api", top(REALM="My API"), "My API"),
        (
            _of_config("required_paths"),
            ("/",),
            top(REQUIRED_PATHS=["/api/", "/v1.0/café"]),
            ("/api/", "/v1.0/café"),
        ),
        (_of_config("max_token_length"), 16384, top(MAX_TOKEN_LENGTH=256), 256),
        (
            _of_policy("alias"),
            "default",
            top(ISSUERS={"a b": {"ISSUER": ISSUER}}),
            "a b",
        ),
        (
            _of_policy("issuer"),
            ISSUER,
            issuer(ISSUER="https://h.test/a/"),
            "https://h.test/a/",
        ),
        (
            _of_policy("issuer"),
            ISSUER,
            issuer(ISSUER="http://localhost:8000/o"),
            "http://localhost:8000/o",
        ),
        (
            _of_policy("issuer"),
            ISSUER,
            issuer(ISSUER="atm", JWKS_URI="https://keys.test/atm"),
            "atm",
        ),
        (_of_policy("issuer"), ISSUER, issuer(ISSUER="atm", JWKS=JWKS), "atm"),
        (
            _of_policy("issuer"),
            ISSUER,
            issuer(ISSUER="http://idp.test/?a", METADATA_URL="https://idp.test/m"),
            "http://idp.test/?a",
        ),
        (
            _of_policy("audience"),
            {"https://api.test"},
            top(AUDIENCE=["a", "b"]),
            {"a", "b"},
        ),
        (_of_policy("audience"), {"https://api.test"}, top(AUDIENCE={"a"}), {"a"}),
        (_of_policy("audience"), {"https://api.test"}, issuer(AUDIENCE="own"), {"own"}),
        (
            _of_policy("audience"),
            {"https://api.test"},
            without(issuer(AUDIENCE=("own",)), "AUDIENCE"),
            {"own"},
        ),
        (
            _of_policy("audience_claims"),
            ("aud",),
            issuer(AUDIENCE_CLAIMS=["a"]),
            ("a",),
        ),
        (
            _of_policy("algorithms"),
            set(DEFAULT_ALGORITHMS),
            issuer(ALGORITHMS=("ES256", "Ed448")),
            {"ES256", "Ed448"},
        ),
        (
            _of_policy("algorithms"),
            set(DEFAULT_ALGORITHMS),
            issuer(SHARED_SECRET=SECRET),
            {"HS256"},
        ),
        (
            _of_policy("algorithms"),
            set(DEFAULT_ALGORITHMS),
            issuer(SHARED_SECRET=SECRET, PROFILE="rfc9068"),
            {"HS256"},
        ),
        (
            _of_policy("algorithms"),
            set(DEFAULT_ALGORITHMS),
            issuer(SHARED_SECRET="x" * 64, ALGORITHMS=["HS384", "HS512"]),
            {"HS384", "HS512"},
        ),
        (
            _of_policy("token_types"),
            {"at+jwt", "jwt", ""},
            issuer(TOKEN_TYPES=["application/AT+JWT", None]),
            {"at+jwt", ""},
        ),
        (
            _of_policy("required_claims"),
            ("exp",),
            issuer(REQUIRED_CLAIMS=["sub", "a.b"]),
            ("sub", "a.b"),
        ),
        (_of_policy("required_claims"), ("exp",), issuer(REQUIRED_CLAIMS=[]), ("exp",)),
        (_of_policy("leeway"), 30, issuer(LEEWAY=0), 0),
        (_of_policy("leeway"), 30, issuer(LEEWAY=2.5), 2.5),
        (_of_policy("max_token_age"), None, issuer(MAX_TOKEN_AGE=3600), 3600),
        (_of_policy("max_token_age"), None, issuer(MAX_TOKEN_AGE=None), None),
        (_of_policy("subject_claim"), "sub", issuer(SUBJECT_CLAIM="a.id"), "a.id"),
        (
            _of_policy("scope_claims"),
            ("scope", "scp"),
            issuer(SCOPE_CLAIMS=["a"]),
            ("a",),
        ),
        (
            _of_policy("client_id_claims"),
            ("client_id", "azp", "appid", "cid"),
            issuer(CLIENT_ID_CLAIMS=("cid",)),
            ("cid",),
        ),
        (
            _of_policy("grantable_scopes"),
            None,
            issuer(SCOPES=["a", "b:c"]),
            {"a", "b:c"},
        ),
        (_of_policy("grantable_scopes"), None, issuer(SCOPES={"a"}), {"a"}),
        (_of_policy("grantable_scopes"), None, issuer(SCOPES=[]), set()),
        (
            _of_policy("machine"),
            {},
            issuer(MACHINE={"a.b": "x-*", "c": True, "d": 1}),
            {"a.b": "x-*", "c": True, "d": 1},
        ),
        (_of_policy("allow_nonce"), False, issuer(ALLOW_NONCE=True), True),
        (
            _of_policy("validators"),
            (),
            issuer(VALIDATORS=[f"{MODULE}.validator", f"{MODULE}.callable_object"]),
            (validator, callable_object),
        ),
        (
            _of_policy("metadata_url"),
            None,
            issuer(METADATA_URL="https://m.test/x?p=1"),
            "https://m.test/x?p=1",
        ),
        (
            _of_policy("jwks_uri"),
            None,
            issuer(JWKS_URI="https://k.test"),
            "https://k.test",
        ),
        (_of_policy("jwks"), None, issuer(JWKS=JWKS), JWKS),
        # Keys for other uses are passed over.
        (_of_policy("jwks"), None, issuer(JWKS=WITH_ENC), WITH_ENC),
        (
            _of_policy("shared_secret"),
            None,
            issuer(SHARED_SECRET=SECRET),
            SECRET.encode(),
        ),
        (
            _of_policy("shared_secret"),
            None,
            issuer(SHARED_SECRET=b"\n" * 32),
            b"\n" * 32,
        ),
        (
            _of_policy("shared_secret"),
            None,
            issuer(SHARED_SECRET="é" * 16),
            b"\xc3\xa9" * 16,
        ),
        (_of_keys("default_age"), 600, keys(DEFAULT_AGE=3600), 3600),
        (_of_keys("cooldown"), 30, keys(COOLDOWN=5), 5),
        (_of_keys("stale_if_error"), 86400, keys(STALE_IF_ERROR=0), 0),
        (_of_http("connect_timeout"), 2, http(CONNECT_TIMEOUT=0.5), 0.5),
        (_of_http("read_timeout"), 3, http(READ_TIMEOUT=10), 10),
        (_of_http("total_timeout"), 5, http(TOTAL_TIMEOUT=30), 30),
        (_of_http("max_bytes"), 262144, http(MAX_BYTES=1024), 1024),
        (_of_http("ca_bundle"), None, http(CA_BUNDLE="/etc/ca.pem"), "/etc/ca.pem"),
        (
            _of_http("proxies"),
            {},
            http(PROXIES={"https": "http://p:1", "all://idp.test": "http://q:1"}),
            {"https": "http://p:1", "all://idp.test": "http://q:1"},
        ),
        (
            _of_http("allow_private_addresses"),
            frozenset(),
            http(ALLOW_PRIVATE_ADDRESSES=["idp.test", "10.0.0.1", "[fd00::1]", "::1"]),
            {"idp.test", "10.0.0.1", "[fd00::1]", "::1"},
        ),
        (
            _of_users("resolver"),
            "local_user",
            users(RESOLVER="existing_user"),
            "existing_user",
        ),
        (
            _of_users("resolver"),
            "local_user",
            users(RESOLVER="token_user"),
            "token_user",
        ),
        (_of_users("custom"), None, users(RESOLVER=f"{MODULE}.validator"), validator),
        (_of_users("create"), True, users(CREATE=False), False),
        (
            _of_users("fields"),
            {},
            users(FIELDS={"email": "scope.email", "username": "name"}),
            {"email": "scope.email", "username": "name"},
        ),
        (
            _of_users("groups_claim"),
            None,
            groups({"CLAIM": "a", "MAP": {"b": "c"}}),
            "a",
        ),
        (
            _of_users("groups"),
            {},
            groups({"CLAIM": "a", "MAP": {"b": "c", " d\u00a0": "Équipe"}}),
            {"b": "c", " d\u00a0": "Équipe"},
        ),
        (_of_users("groups_claim"), None, groups({}), None),
        (_of_users("fields"), {}, users(FIELDS={}), {}),
    ],
)
def test_default_and_good_value(read, default, raw, value):
    assert read(top()) == default
    assert read(raw) == value


@pytest.mark.parametrize(
    "raw",
    [
        issuer(VALIDATION="local"),
        keys(REFRESH="on_demand", STORE="database"),
        keys(REFRESH="command", MAX_STALE=604800),
        top(TOKEN_CACHE={"SIZE": 0, "MAX_AGE": 60}),
        top(TOKEN_CACHE={"SIZE": 1_000_000, "MAX_AGE": 3600}),
        issuer(PROFILE="default"),
        http(ALLOW_INSECURE=[]),
        UserDict(top()),
    ],
)
def test_defaults_may_be_written(raw):
    assert ids(raw) == []


@pytest.mark.parametrize(
    ("backend", "advice"),
    [
        ("django.core.cache.backends.redis.RedisCache", []),
        ("django.core.cache.backends.memcached.PyMemcacheCache", []),
        ("django.core.cache.backends.db.DatabaseCache", []),
        ("django.core.cache.backends.locmem.LocMemCache", ["W006"]),
        ("django.core.cache.backends.dummy.DummyCache", ["W006"]),
        ("django.core.cache.backends.filebased.FileBasedCache", ["W006"]),
        (None, []),
    ],
)
def test_a_key_store_is_shared_by_processes(backend, advice):
    with override_settings(CACHES={"default": {}, "keys": {"BACKEND": backend}}):
        assert ids(keys(STORE="keys")) == advice


def test_settings_follow_the_caches():
    raw = keys(STORE="shared")
    with override_settings(OIDC_RS=raw):
        with pytest.raises(ImproperlyConfigured, match="E026"):
            get_config()
        redis = {"BACKEND": "django.core.cache.backends.redis.RedisCache"}
        with override_settings(CACHES={"default": {}, "shared": redis}):
            assert get_config().issuers[0].keys.store == "shared"
        with pytest.raises(ImproperlyConfigured, match="E026"):
            get_config()


def test_a_cache_that_is_no_dict_is_djangos_to_refuse():
    with override_settings(CACHES={"default": None, "keys": None}):
        assert ids(keys(STORE="keys")) == []
        assert ids(introspection(CACHE_SECONDS=30)) == []


def test_a_listed_host_may_be_asked_by_plain_http():
    raw = {**issuer(ISSUER="http://idp.test"), **http(ALLOW_INSECURE=["idp.test"])}
    raw["ISSUERS"] = {"default": {"ISSUER": "http://idp.test"}}
    assert ids(raw) == ["W002"]


# Profiles.


@pytest.mark.parametrize("name", PROFILES)
def test_a_profile_is_its_keys(name):
    assert policy_of(issuer(PROFILE=name)) == policy_of(issuer(**PROFILES[name]))


@pytest.mark.parametrize("name", PROFILES)
def test_own_keys_win_over_the_profile(name):
    own = {
        "ALGORITHMS": ["ES384"],
        "ALLOW_NONCE": False,
        "AUDIENCE_CLAIMS": ["own"],
        "CLIENT_ID_CLAIMS": ["own"],
        "MACHINE": {"own": "x"},
        "REQUIRED_CLAIMS": ["own"],
        "SCOPE_CLAIMS": ["own"],
        "TOKEN_TYPES": ["own"],
    }
    assert PROFILES[name].keys() <= own.keys()
    assert policy_of(issuer(PROFILE=name, **own)) == policy_of(issuer(**own))


def test_none_does_not_switch_a_profile_off():
    raw = issuer(PROFILE="azure_b2c", REQUIRED_CLAIMS=None)
    assert ids(raw) == ["E003"]


# Users, shared and per issuer.


def test_users_are_overridden_key_by_key():
    raw = top(
        USERS={"CREATE": False, "FIELDS": {"email": "email"}},
        ISSUERS={
            "shared": {"ISSUER": f"{ISSUER}/1", "SCOPES": []},
            "own": {
                "ISSUER": f"{ISSUER}/2",
                "USERS": {"CREATE": True, "FIELDS": {}, "RESOLVER": "existing_user"},
            },
            "some": {
                "ISSUER": f"{ISSUER}/3",
                "SCOPES": [],
                "USERS": {"GROUPS": {"CLAIM": "a", "MAP": {"b": "c"}}},
            },
        },
    )
    config, problems = parse(raw)
    assert problems == []
    shared, own, some = config.users.values()
    assert (shared.create, shared.fields) == (False, {"email": "email"})
    assert (own.create, own.fields, own.resolver) == (True, {}, "existing_user")
    assert (some.create, some.fields) == (False, {"email": "email"})
    assert (some.groups_claim, some.groups) == ("a", {"b": "c"})


def test_an_own_built_in_resolver_replaces_a_shared_function():
    raw = {**users(RESOLVER=f"{MODULE}.validator")}
    raw["ISSUERS"]["default"]["USERS"] = {"RESOLVER": "token_user"}
    policy = parse(raw)[0].users["default"]
    assert (policy.resolver, policy.custom) == ("token_user", None)


def test_shared_fields_may_be_of_no_use_to_one_issuer():
    raw = users(FIELDS={"email": "email"})
    raw["ISSUERS"]["default"]["USERS"] = {"RESOLVER": "token_user"}
    assert ids(raw) == []
    assert ids(users(RESOLVER="existing_user", FIELDS={"email": "email"})) == []
    assert ids(users(RESOLVER="token_user", FIELDS={}, GROUPS={})) == []


def test_a_shared_mistake_is_listed_once():
    raw = users(CREATE="no", FIELDS={"is_staff": "x"})
    raw["ISSUERS"]["default"]["USERS"] = {"RESOLVER": "token_user"}
    assert ids(raw) == ["E003", "E018"]


def test_a_resolver_that_cannot_be_had_finds_nobody():
    policy = parse(users(RESOLVER="no_such_module.x"))[0].users["default"]
    assert (policy.resolver, policy.custom) == ("custom", None)


@pytest.mark.parametrize(
    ("model", "setting", "problem_id"),
    [
        ("sessions.Session", {"GROUPS": {"CLAIM": "a", "MAP": {"b": "c"}}}, "E019"),
        # A field of that name that leads elsewhere.
        ("no.such", {"GROUPS": {"CLAIM": "a", "MAP": {"b": "c"}}}, "E019"),
        ("no.such", {"FIELDS": {"email": "email"}}, "E018"),
        ("nonsense", {"FIELDS": {"email": "email"}}, "E018"),
    ],
)
def test_user_models_that_do_not_fit(model, setting, problem_id):
    with override_settings(AUTH_USER_MODEL=model):
        assert ids(users(**setting)) == [problem_id]
        assert ids(top()) == []


def test_groups_must_be_djangos():
    with override_settings(AUTH_USER_MODEL="auth.Permission"):
        assert ids(groups({"CLAIM": "a", "MAP": {"b": "c"}})) == ["E019"]


def test_every_relation_and_privilege_of_the_user_model_is_refused():
    for field in User._meta.get_fields():
        expected = [] if field.name in _HARMLESS else ["E018"]
        assert ids(users(FIELDS={field.name: "x"})) == expected, field.name


@isolate_apps("tests")
@pytest.mark.parametrize(
    ("field", "expected"),
    [
        (models.FileField(), ["E018"]),
        (models.ImageField(), ["E018"]),
        (type("Avatar", (models.ImageField,), {})(), ["E018"]),
        (models.FilePathField(path="/srv"), ["E018"]),
        (models.BinaryField(editable=True), ["E018"]),
        (
            models.GeneratedField(
                expression=models.F("id"),
                output_field=models.IntegerField(),
                db_persist=True,
            ),
            ["E018"],
        ),
        (models.CharField(max_length=9), []),
        (models.URLField(), []),
    ],
    ids=lambda value: type(value).__name__,
)
def test_no_claim_fills_what_it_must_not_or_cannot(field, expected, monkeypatch):
    """The name of somebody else's file would show it, and delete it later."""
    model = type(
        "Person",
        (AbstractBaseUser,),
        {
            "__module__": __name__,
            "Meta": type("Meta", (), {"app_label": "tests"}),
            "picture": field,
        },
    )
    monkeypatch.setattr(user_settings, "get_user_model", lambda: model)
    assert ids(users(FIELDS={"picture": "picture"})) == expected


_HARMLESS = (
    *("username", "email", "first_name", "last_name", "date_joined", "last_login"),
)


@pytest.mark.parametrize(
    "body",
    ["raise RuntimeError('at import')", "def broken(:", "import no_such_module_at_all"],
)
def test_a_module_that_cannot_be_imported_is_a_problem(body, tmp_path, monkeypatch):
    (tmp_path / "broken_at_import.py").write_text(body)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    assert ids(issuer(VALIDATORS=["broken_at_import.x"])) == ["E015"]
    assert ids(users(RESOLVER="broken_at_import.x")) == ["E015"]


# Advice.


@pytest.mark.parametrize(
    ("scopes", "expected"),
    [
        ([None], []),
        ([None, None], ["W003"]),
        ([["a"], None], []),
        ([["a"], None, None], ["W003"]),
        ([["a"], []], []),
    ],
)
def test_several_issuers_without_scopes_are_deployment_advice(scopes, expected):
    table = {
        f"issuer{number}": {
            "ISSUER": f"{ISSUER}/{number}",
            **({} if listed is None else {"SCOPES": listed}),
        }
        for number, listed in enumerate(scopes)
    }
    problems = parse(top(ISSUERS=table))[1]
    assert [problem.id for problem in problems] == expected
    assert all(problem.deploy for problem in problems)


_ROLES = {"CLAIM": "roles", "MAP": {"boss": "Bosses"}}


@pytest.mark.parametrize(
    ("shared", "each", "expected"),
    [
        pytest.param({"GROUPS": _ROLES}, [{}, {}], ["W005"], id="two"),
        pytest.param({"GROUPS": _ROLES}, [{}, {}, {}], ["W005"], id="three"),
        pytest.param({"GROUPS": _ROLES}, [{}], [], id="one"),
        pytest.param({"GROUPS": {}}, [{}, {}], [], id="none"),
        pytest.param({}, [{}, {}], [], id="left-out"),
        pytest.param({"GROUPS": _ROLES}, [{}, {"GROUPS": {}}], [], id="not-the-other"),
        pytest.param(
            {"GROUPS": _ROLES}, [{}, {"GROUPS": {**_ROLES}}], [], id="said-again"
        ),
        pytest.param(
            {"GROUPS": _ROLES},
            [{}, {"CREATE": False}, {"GROUPS": {}}],
            ["W005"],
            id="other-keys",
        ),
        pytest.param(
            {"GROUPS": _ROLES},
            [{"RESOLVER": "existing_user"}, {"RESOLVER": "local_user"}],
            ["W005"],
            id="resolvers-with-groups",
        ),
        pytest.param(
            {"GROUPS": _ROLES},
            [{}, {"RESOLVER": "token_user"}, {"RESOLVER": f"{MODULE}.validator"}],
            [],
            id="resolvers-without-groups",
        ),
        pytest.param({}, [{"GROUPS": _ROLES}, {"GROUPS": _ROLES}], [], id="each"),
    ],
)
def test_several_issuers_with_the_same_groups_are_deployment_advice(
    shared, each, expected
):
    """A160: the less trusted one grants the group."""
    table = {
        f"issuer{number}": {
            "ISSUER": f"{ISSUER}/{number}",
            "SCOPES": [],
            "USERS": its,
        }
        for number, its in enumerate(each)
    }
    problems = parse(top(USERS=shared, ISSUERS=table))[1]
    assert [problem.id for problem in problems] == expected
    assert all(problem.deploy for problem in problems)


@pytest.mark.parametrize("name", ["much LEEWAY", "ALLOW_INSECURE"])
def test_other_advice_is_for_every_check(name):
    (problem,) = parse(FAULTS[name][0])[1]
    assert not problem.deploy


# Anything at all.

_KEYS = st.sampled_from(
    sorted(
        {
            *conf._TOP_KEYS,
            *http_settings.HTTP_KEYS,
            *issuer_settings.ISSUER_KEYS,
            *key_settings.KEYS_KEYS,
            *user_settings.USER_KEYS,
            *("CLAIM", "MAP", "SIZE", "MAX_AGE", "default", "email", "keys"),
        }
    )
)
_LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.binary(max_size=40)
    | st.sampled_from(
        ["RS256", "HS512", "at+jwt", ISSUER, "https://[", "local", "/api/", SECRET]
    )
)
_ANYTHING = st.recursive(
    _LEAVES,
    lambda below: (
        st.lists(below, max_size=4)
        | st.tuples(below, below)
        | st.frozensets(_LEAVES, max_size=3)
        | st.dictionaries(
            _KEYS | st.text(max_size=5) | st.integers(), below, max_size=6
        )
    ),
    max_leaves=30,
)
_AT_THE_RIGHT_PLACE = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(conf._TOP_KEYS, _ANYTHING),
        "HTTP": st.dictionaries(st.sampled_from(http_settings.HTTP_KEYS), _ANYTHING),
        "USERS": st.dictionaries(st.sampled_from(user_settings.USER_KEYS), _ANYTHING),
        "ISSUERS": st.dictionaries(
            st.sampled_from(["default", "other"]),
            st.dictionaries(st.sampled_from(issuer_settings.ISSUER_KEYS), _ANYTHING),
        ),
    },
)


@settings(deadline=None)
@given(_ANYTHING | _AT_THE_RIGHT_PLACE)
def test_parse_never_raises(raw):
    config, problems = parse(raw)
    assert all(problem.message.endswith(".") for problem in problems)
    if any(problem.is_error for problem in problems):
        return
    assert config.issuers
    assert config.required_paths
    for policy in config.issuers:
        assert policy.issuer
        assert policy.audience
        assert policy.algorithms
        assert 0 <= policy.leeway <= 3600
        assert config.users[policy.alias]


def test_check_without_problems_says_nothing():
    out = StringIO()
    call_command("check", stdout=out)
    assert "no issues" in out.getvalue()


@pytest.mark.parametrize(
    ("raw", "hint"),
    [
        (top(KEYS={"REFRESH": "command"}), "an issuer: OIDC_RS["),
        (top(PROFILE="auth0"), "an issuer: OIDC_RS["),
        (top(REFRESH="command"), '["KEYS"]'),
        (top(AUDIENCES="x"), "Did you mean 'AUDIENCE'?"),
        (top(NOTHING="x"), "Known keys: "),
    ],
)
def test_a_key_in_the_wrong_place_is_told_its_place(raw, hint):
    (problem,) = parse(raw)[1]
    assert problem.id == "E002"
    assert hint in problem.hint


@pytest.mark.parametrize(
    ("issuers", "hint"),
    [
        ("https://issuer.test", 'Set "ISSUERS": {"default"'),
        ({"default": "https://issuer.test"}, 'Set "ISSUERS": {"default"'),
        ({"default": {"ISSUER": "127.0.0.1:9000"}}, 'Begin it with "https://"'),
        (
            {"default": {"ISSUER": "https://issuer.test", "PROFILE": "Keycloack"}},
            "Did you mean 'keycloak'? Profiles: default,",
        ),
    ],
)
def test_what_newcomers_mistake_has_a_hint(issuers, hint):
    _, (problem,) = conf.parse({"AUDIENCE": "https://api.test", "ISSUERS": issuers})
    assert problem.hint.startswith(hint)
