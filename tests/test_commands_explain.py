"""explain_access_token: every step of one token, and whom it stands for."""

import threading
from io import StringIO

import pytest
from django.contrib.auth.models import User, UserManager
from django.test import override_settings

from django_oidc_rs.conf import get_config
from django_oidc_rs.core.errors import ExpiredToken, InvalidToken
from django_oidc_rs.core.http import FetchError
from django_oidc_rs.models import FederatedIdentity
from django_oidc_rs.stores import closing_connections
from django_oidc_rs.testing import FakeClock, FakeIssuer, SigningKey, install

from .commands import HOSTILE, is_harmless, run, without_table
from .settings_faults import ISSUER, JWKS, SECRET, introspection, issuer, top, users

STEPS = (
    *("length", "grammar", "trusted_issuer", "algorithm", "type", "key", "signature"),
    *("issuer", "required", "access_token", "audience", "expiry", "not_before"),
    *("age", "principal", "scopes", "token_id", "confirmation", "validators"),
)
NOW = "now is 2027-01-15 08:00:00 UTC."
IN_SETTINGS = "In settings of default:"
ANEW = "Have the client get a new one; a greater LEEWAY is for clocks that differ."


def refuse(access_token):
    """Refuse every token."""
    raise InvalidToken("not today")


LEFT = []


def leave_work(access_token):
    """Leave work to a thread, as fetching keys does."""
    closing_connections(lambda: LEFT.append(threading.Event().wait(0.05)))


def refuse_as_expired(access_token):
    """Refuse every token as old, by something that is no claim of it."""
    raise ExpiredToken("no longer a customer", claim="contract")


def find_nobody(access_token):
    """Be a resolver that must not be called."""
    raise AssertionError("explaining must not resolve users")


@pytest.fixture
def make():
    """Make an issuer that plays the settings given, with a clock that stands still."""
    ends = []

    def made(raw=None):
        overridden = override_settings(OIDC_RS=top() if raw is None else raw)
        overridden.enable()
        clock = FakeClock()
        fake = FakeIssuer(get_config().issuers[0], clock=clock)
        installed = install(fake, clock=clock)
        installed.__enter__()
        ends.extend([overridden.disable, lambda: installed.__exit__(None, None, None)])
        return fake

    yield made
    for end in reversed(ends):
        end()


@pytest.fixture
def fake(make):
    """The usual issuer."""
    return make()


def explain(token, **options):
    return run("explain_access_token", stdin=token, **options)


def outcome(done):
    """The steps that passed, and the name of the one that failed."""
    steps = done.json["steps"]
    passed = [step["name"] for step in steps if step["outcome"] == "passed"]
    failed = [step["name"] for step in steps if step["outcome"] == "failed"]
    return passed, failed


# Accepted.


def test_a_users_token(db, fake):
    alice = User.objects.create_user("alice.local")
    FederatedIdentity.objects.link(ISSUER, "alice", alice)
    token = fake.access_token("alice", ["orders:read", "a"])
    done = explain(token)
    assert (done.code, done.err) == (0, "")
    assert done.lines[0] == "STEP RESULT SETTING DETAIL"
    assert [line.split()[:2] for line in done.lines[2:-6]] == [
        *([name, "ok"] for name in STEPS),
        ["user", "ok"],
    ]
    assert done.lines[-6:] == [
        "subject: alice",
        "client: test-client",
        "scopes: a orders:read",
        "machine: no",
        "user: alice.local",
        "Accepted.",
    ]


def test_json_says_the_same(db, fake):
    done = explain(fake.access_token("alice", ["a"]), json=True)
    assert done.code == 0
    document = done.json
    assert document["accepted"] is True
    assert document["code"] is None
    assert document["accepted_when_asked"] is None
    assert document["code_when_asked"] is None
    assert document["issuer_alias"] == "default"
    assert document["advice"] == ""
    assert document["principal"] == {
        "subject": "alice",
        "client": "test-client",
        "scopes": "a",
        "machine": False,
        "user": None,
    }
    assert outcome(done) == ([*STEPS, "user"], [])


def test_nobody_yet(db, fake):
    done = explain(fake.access_token("nobody"))
    assert done.code == 0
    assert "user ok none yet; the first request creates one" in done.lines
    assert done.lines[-2:] == ["user: -", "Accepted."]
    assert not User.objects.exists()
    assert not FederatedIdentity.objects.exists()


def test_a_machine(db, fake, django_assert_num_queries):
    with django_assert_num_queries(0):
        done = explain(fake.access_token(None))
    assert done.code == 0
    assert "user ok a TokenUser, in no table" in done.lines
    assert "machine: yes" in done.lines
    assert "subject: -" in done.lines


@pytest.mark.parametrize(
    ("resolver", "said"),
    [
        ("token_user", "a TokenUser, in no table"),
        (f"{__name__}.find_nobody", "for your RESOLVER to say; it is not called here"),
    ],
)
def test_resolvers_that_need_no_identity(make, resolver, said):
    fake = make(users(RESOLVER=resolver))
    done = explain(fake.access_token("alice"))
    assert done.code == 0
    assert f"user ok {said}" in done.lines


def test_without_table(transactional_db, fake):
    with without_table(FederatedIdentity):
        done = explain(fake.access_token("alice"), json=True)
    document = done.json
    assert done.code == 1
    assert (document["accepted"], document["code"]) == (False, None)
    assert document["steps"][-1]["outcome"] == "failed"
    assert "the database cannot be read" in document["steps"][-1]["detail"]
    assert "manage.py migrate" in document["advice"]


def test_a_token_of_several_lines(fake):
    token = fake.access_token("alice")
    done = explain(f"{token[:40]}\n{token[40:]}", json=True)
    assert done.code == 1
    assert "white space" in done.json["advice"]


def test_issuers_that_differ_by_a_slash(fake):
    advice = [
        explain(fake.access_token("alice", iss=iss), json=True).json["advice"]
        for iss in (f"{fake.issuer}/", f"{fake.issuer}/x", None)
    ]
    assert ["slash at the end" in each for each in advice] == [True, False, False]


@pytest.mark.parametrize(
    ("audience", "hinted"),
    [
        ("https://api.test/", True),
        (["https://other.test", "https://api.test/"], True),
        ("https://api.test/x", False),
    ],
)
def test_audiences_that_differ_by_a_slash(fake, audience, hinted):
    document = explain(fake.access_token("alice", aud=audience), json=True).json
    hint = "aud and AUDIENCE of default differ by a slash at the end."
    assert (hint in document["advice"]) is hinted


def test_a_token_without_audience_is_not_the_settings_fault(fake):
    document = explain(fake.access_token("alice", aud=None), json=True).json
    assert document["code"] == "invalid_claim"
    assert "names no audience" in document["advice"]
    assert "resource=" in document["advice"]


def test_a_claim_that_fails_under_an_unknown_key_is_marked(fake):
    token = fake.access_token(
        aud="https://other.test", header={"alg": "ES256", "kid": "x", "typ": "at+jwt"}
    )
    done = explain(token)
    assert done.out.count("FAILED") == 1
    assert any(line.startswith("audience FAILED AUDIENCE") for line in done.lines)
    assert any(line.startswith("key - unknown here") for line in done.lines)


# Refused for the user's sake.


@pytest.mark.parametrize(
    ("prepare", "keys", "reason"),
    [
        (lambda alice: User.objects.update(is_active=False), {}, "inactive_user"),
        (lambda alice: alice.delete(), {}, "deleted_user"),
        (
            lambda alice: FederatedIdentity.objects.all().delete(),
            {"CREATE": False},
            "unknown_user",
        ),
        (
            lambda alice: FederatedIdentity.objects.all().delete(),
            {"RESOLVER": "existing_user"},
            "unknown_user",
        ),
    ],
    ids=["inactive", "deleted", "not created", "existing only"],
)
def test_the_user_step_fails_as_a_request_would(db, make, prepare, keys, reason):
    fails_at_the_user(make, prepare, keys, reason)


def test_a_user_the_default_manager_hides_fails_too(db, make, monkeypatch):
    class Nobody(UserManager):
        def get_queryset(self):
            return super().get_queryset().none()

    manager = Nobody()
    manager.model = User

    def hide(_alice):
        monkeypatch.setitem(vars(User._meta), "default_manager", manager)

    fails_at_the_user(make, hide, {}, "hidden_user")


def fails_at_the_user(make, prepare, keys, reason):
    fake = make(users(**keys))
    alice = User.objects.create_user("alice.local")
    FederatedIdentity.objects.link(ISSUER, "alice", alice)
    prepare(alice)
    before = (User.objects.count(), FederatedIdentity.objects.count())
    token = fake.access_token("alice")
    done = explain(token, json=True)
    assert done.code == 1
    assert (done.json["accepted"], done.json["code"]) == (False, "user_rejected")
    assert outcome(done) == (list(STEPS), ["user"])
    last = done.json["steps"][-1]
    assert reason in last["detail"]
    assert last["setting"] == "USERS"
    assert done.json["principal"]["subject"] == "alice"
    done = explain(token)
    assert "CommandError: Refused: user_rejected." in done.err
    assert any(line.startswith("user FAILED USERS") for line in done.lines)
    assert (User.objects.count(), FederatedIdentity.objects.count()) == before


# Refused: each step in turn.


def _header(**changes):
    return lambda fake: fake.access_token(
        header={"alg": "ES256", "kid": fake.key.key_id, "typ": "at+jwt", **changes}
    )


def _claims(**claims):
    return lambda fake: fake.access_token(**claims)


def _tampered(fake):
    other = SigningKey("ES256", key_id=fake.key.key_id)
    return other.sign(fake.claims("alice"))


@pytest.mark.parametrize(
    ("step", "code", "token"),
    [
        (0, "token_too_long", lambda fake: "x" * 16385),
        (1, "malformed_token", lambda fake: "a.b.c"),
        (2, "untrusted_issuer", _claims(iss="https://other.test")),
        (2, "untrusted_issuer", _claims(iss=None)),
        (3, "algorithm_not_allowed", _header(alg="none")),
        (3, "algorithm_not_allowed", _header(alg="HS256")),
        (4, "not_an_access_token", _header(typ="logout+jwt")),
        (5, "unknown_key", _header(kid="unknown")),
        (6, "bad_signature", _tampered),
        (8, "invalid_claim", _claims(tier=None)),
        (9, "not_an_access_token", _claims(nonce="n")),
        (10, "invalid_claim", _claims(aud="https://other.test")),
        (11, "expired_token", _claims(exp=1_800_000_000 - 31)),
        (12, "token_not_yet_valid", _claims(nbf=1_800_000_000 + 31)),
        (13, "expired_token", _claims(iat=1_800_000_000 - 3631)),
        (14, "invalid_claim", _claims(sub="")),
        (15, "invalid_claim", _claims(scope=7)),
        (16, "invalid_claim", _claims(jti=7)),
        (17, "unconfirmed_token", _claims(cnf={"jkt": "x"})),
    ],
)
def test_the_first_failing_step_is_marked(db, make, step, code, token):
    raw = issuer(REQUIRED_CLAIMS=["tier"], MAX_TOKEN_AGE=3600)
    fake = make(raw)
    good = fake.claims

    def with_tier(*args, **claims):
        return good(*args, **{"tier": "gold", **claims})

    fake.claims = with_tier
    assert explain(fake.access_token("alice")).code == 0
    raw_token = token(fake)
    done = explain(raw_token, json=True)
    assert done.code == 1
    assert done.json["code"] == code
    assert outcome(done) == (list(STEPS[:step]), [STEPS[step]])
    left = done.json["steps"][step + 1 :]
    assert [each["name"] for each in left] == list(STEPS[step + 1 :])
    assert {each["outcome"] for each in left} == {"not reached"}
    assert done.json["principal"] == {}
    done = explain(raw_token)
    assert f"CommandError: Refused: {code}." in done.err
    assert done.out.count("FAILED") == 1
    assert done.lines[2 + step].startswith(f"{STEPS[step]} FAILED")


def test_a_projects_own_validator_refuses(make):
    fake = make(issuer(VALIDATORS=[f"{__name__}.refuse"]))
    done = explain(fake.access_token("alice"), json=True)
    assert outcome(done) == (list(STEPS[:-1]), ["validators"])
    assert done.json["steps"][-1]["setting"] == "VALIDATORS"
    assert "not today" in done.json["steps"][-1]["detail"]


def test_a_projects_own_expiry_has_no_times(make):
    fake = make(issuer(VALIDATORS=[f"{__name__}.refuse_as_expired"]))
    done = explain(fake.access_token("alice"), json=True)
    assert (done.code, done.json["code"]) == (1, "expired_token")
    assert " now is " not in done.json["advice"]


def test_what_was_started_ends_before_the_process_does(db, make):
    fake = make(issuer(VALIDATORS=[f"{__name__}.leave_work"]))
    LEFT.clear()
    assert explain(fake.access_token("alice")).code == 0
    assert LEFT == [False]


def test_an_outage_is_no_refusal(fake):
    fake.fail("timeout")
    done = explain(fake.access_token("alice"))
    assert done.code == 1
    assert "CommandError: Nobody can tell now: keys_unavailable." in done.err
    assert "check_oidc_issuers" in done.out
    document = explain(fake.access_token("alice"), json=True).json
    assert document["code"] == "keys_unavailable"
    assert document["accepted"] is False


# What to do about it.


@pytest.mark.parametrize("token", ["opaque", "opaque-token_123", "a.b", "x" * 40])
def test_opaque_tokens(fake, token):
    document = explain(token, json=True).json
    assert "opaque" in document["advice"]
    assert "audience=" in document["advice"]


def test_encrypted_tokens(fake):
    document = explain("a.b.c.d.e", json=True).json
    assert "JWE" in document["advice"]


@pytest.mark.parametrize("token", ["a.b.c", "..", "a..c"])
def test_broken_jwts_are_neither(fake, token):
    assert "Is it whole?" in explain(token, json=True).json["advice"]


@pytest.mark.parametrize(
    ("keys", "claims", "advice"),
    [
        (
            {},
            {"aud": "https://x.test"},
            "In settings of default: AUDIENCE https://api.test",
        ),
        (
            {"REQUIRED_CLAIMS": ["sub", "tier"]},
            {"tier": None},
            "In settings of default: REQUIRED_CLAIMS sub, tier",
        ),
        (
            {},
            {"exp": 1_700_000_000},
            f"exp is 2023-11-14 22:13:20 UTC, {NOW} {ANEW} {IN_SETTINGS} LEEWAY 30",
        ),
        (
            {},
            {"nbf": 1_800_000_600.5},
            f"nbf is 2027-01-15 08:10:00 UTC, {NOW} In settings of default: LEEWAY 30",
        ),
        (
            {"SUBJECT_CLAIM": "user.id"},
            {"user": None},
            "In settings of default: SUBJECT_CLAIM user.id",
        ),
        ({}, {"iss": "https://x.test"}, f"In settings: ISSUER {ISSUER}"),
        ({}, {"cnf": {"jkt": "x"}}, ""),
    ],
)
def test_the_setting_is_shown_with_its_value(make, keys, claims, advice):
    fake = make(issuer(**keys))
    assert (
        explain(fake.access_token("alice", **claims), json=True).json["advice"]
        == advice
    )


BY_COMMAND = {"KEYS": {"REFRESH": "command"}}
BY_ADDRESS = {"JWKS_URI": "https://issuer.test/keys"}


@pytest.mark.parametrize("keys", [{}, BY_ADDRESS])
def test_an_unknown_key_may_be_a_new_one(make, keys):
    fake = make(issuer(**keys))
    document = explain(_header(kid="new")(fake), json=True).json
    assert document["code"] == "unknown_key"
    assert "sync_oidc_keys" in document["advice"]
    assert "running server" in document["advice"]
    assert "In settings" not in document["advice"]


def test_a_key_the_command_has_not_stored(make):
    fake = make(issuer(**BY_COMMAND))
    run("sync_oidc_keys")
    assert explain(fake.access_token(None)).code == 0
    fake.rotate()
    done = explain(fake.access_token(None), json=True)
    assert done.json["code"] == "unknown_key"
    assert done.json["steps"][5]["setting"] == "KEYS"
    assert "Run manage.py sync_oidc_keys" in done.json["advice"]
    assert "running server" not in done.json["advice"]


def test_no_key_is_stored_yet(make):
    fake = make(issuer(**BY_COMMAND))
    done = explain(fake.access_token(None), json=True)
    assert done.json["code"] == "keys_unavailable"
    assert "Run manage.py sync_oidc_keys" in done.json["advice"]


def test_keys_in_settings_are_not_fetched():
    claims = {"iss": ISSUER, "aud": "https://api.test", "exp": 4_000_000_000}
    token = SigningKey("ES256", key_id="x").sign({**claims, "client_id": "c"})
    with override_settings(OIDC_RS=issuer(JWKS=JWKS)):
        done = explain(token, json=True)
    assert (done.json["code"], done.json["advice"]) == ("unknown_key", "")
    assert done.json["steps"][5]["setting"] == "JWKS"


def test_what_is_not_set_is_not_shown(fake):
    document = explain(_tampered(fake), json=True).json
    assert (document["code"], document["advice"]) == ("bad_signature", "")


@pytest.mark.parametrize("claim", ["nonce", "at_hash"])
def test_nobody_is_told_to_loosen_a_setting_for_an_id_token(fake, claim):
    advice = explain(fake.access_token(**{claim: "x"}), json=True).json["advice"]
    assert "ID token" in advice
    assert "ALLOW_NONCE" not in advice


def test_types_are_shown_with_the_absent_one(fake):
    token = fake.access_token(header={"alg": "ES256", "typ": "id+jwt"})
    document = explain(token, json=True).json
    assert (
        document["advice"] == "In settings of default: TOKEN_TYPES (none), at+jwt, jwt"
    )


def test_every_issuer_is_shown_for_an_unknown_one(make):
    raw = top(
        ISSUERS={
            "one": {"ISSUER": "https://one.test", "SCOPES": []},
            "two": {"ISSUER": "two", "SHARED_SECRET": SECRET, "SCOPES": []},
        }
    )
    fake = make(raw)
    done = explain(fake.access_token("alice", iss="https://one.test/"))
    assert done.lines[-2:] == [
        "In settings: ISSUER https://one.test",
        "In settings: ISSUER two",
    ]
    second = FakeIssuer(get_config().issuers[1], clock=fake.clock)
    document = explain(second.access_token("a", aud="x"), json=True).json
    assert document["issuer_alias"] == "two"
    assert document["advice"] == "In settings of two: AUDIENCE https://api.test"


def test_a_secret_is_never_shown(make):
    fake = make(issuer(SHARED_SECRET=SECRET))
    forged = SigningKey("HS256", secret=b"x" * 32).sign(fake.claims("alice"))
    for token in (forged, fake.access_token("alice", aud="x")):
        for options in ({}, {"json": True}):
            done = explain(token, **options)
            assert done.code == 1
            assert SECRET not in done.out + done.err


# Reading the token.


@pytest.mark.parametrize(
    "wrap",
    [
        "Bearer {}",
        "bearer {}",
        "BEARER  {}\n",
        "Authorization: Bearer {}",
        "authorization:bearer {}",
        "  {}\r\n",
        '"{}"',
        "'{}'\n",
        'Bearer "{}"',
    ],
)
def test_what_people_paste(db, fake, wrap):
    assert explain(wrap.format(fake.access_token("alice"))).code == 0


@pytest.mark.parametrize("text", ["", " \n", "Bearer ", "Bearer", '""', "bearer \t\n"])
def test_nothing_to_explain(fake, text):
    done = explain(text)
    assert done.code == 2
    assert "standard input" in done.err
    assert done.out == ""


def test_no_text(fake):
    class Binary(StringIO):
        def read(self):
            raise UnicodeDecodeError("utf-8", b"\xffsecret", 0, 1, "invalid start byte")

    done = explain(Binary())
    assert done.code == 2
    assert "secret" not in done.err


def test_people_at_a_terminal_are_asked(db, fake):
    class Terminal(StringIO):
        def isatty(self):
            return True

    done = explain(Terminal(fake.access_token("alice")))
    assert done.code == 0
    assert "Ctrl-D" in done.err
    assert "Ctrl-D" not in explain(fake.access_token("alice")).err


def test_never_from_an_argument(fake):
    done = run("explain_access_token", "secret-a.b.c")
    assert done.code == 2
    assert "standard input" in done.err
    assert "secret-a" not in done.out + done.err


@pytest.mark.parametrize("options", [{}, {"json": True}])
@pytest.mark.parametrize(
    "token",
    [
        lambda fake: fake.access_token("alice"),
        lambda fake: fake.access_token("alice", aud="x"),
        lambda fake: fake.access_token("alice", exp=1),
        _tampered,
        lambda fake: "opaque-but-secret-" + "x" * 40,
        lambda fake: "secret-a.secret-b.secret-c",
    ],
)
def test_the_token_is_never_printed(db, fake, token, options):
    raw_token = token(fake)
    done = explain(raw_token, **options)
    for part in (raw_token, *raw_token.split(".")):
        assert part not in done.out + done.err


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": HOSTILE},
        {"aud": HOSTILE},
        {"client_id": HOSTILE},
        {"scope": HOSTILE},
        {"sub": HOSTILE},
        {"jti": HOSTILE},
    ],
    ids=lambda claims: next(iter(claims)),
)
@pytest.mark.parametrize("options", [{}, {"json": True}])
def test_hostile_claims_are_escaped_and_cut(db, make, claims, options):
    fake = make(top(MAX_TOKEN_LENGTH=100_000))
    done = explain(fake.access_token(**{"subject": "alice", **claims}), **options)
    assert is_harmless(done.out + done.err)
    if not options:
        assert len(done.out) < 4000


def test_a_hostile_user_name_is_escaped(db, fake):
    evil = User.objects.create(username="\x1b[31mred\n")
    FederatedIdentity.objects.link(ISSUER, "alice", evil)
    for active in (True, False):
        User.objects.update(is_active=active)
        done = explain(fake.access_token("alice"))
        assert is_harmless(done.out + done.err)
        assert "\\x1b[31mred\\n" in done.out


def test_broken_settings(db):
    with override_settings(OIDC_RS=issuer(LEEWAY=-1)):
        done = explain("a.b.c")
    assert done.code == 2
    assert "django_oidc_rs.E011" in done.err


def test_explaining_sends_no_signal_of_acceptance(db, fake):
    from django_oidc_rs.signals import identity_created, token_accepted

    seen = []

    def receiver(**_kwargs):
        seen.append(1)

    for signal in (identity_created, token_accepted):
        signal.connect(receiver)
    explain(fake.access_token("alice"))
    for signal in (identity_created, token_accepted):
        signal.disconnect(receiver)
    assert seen == []


# Asking the issuer.

ASKED = ("length", "grammar", "trusted_issuer", "introspection", *STEPS[7:])
OPAQUE = introspection()


@pytest.mark.django_db
def test_an_opaque_token_is_asked_about_and_explained(make):
    fake = make(OPAQUE)
    done = run("explain_access_token", stdin=fake.opaque_token(), json=True)
    assert done.code == 0
    assert tuple(step["name"] for step in done.json["steps"]) == (*ASKED, "user")
    assert {step["outcome"] for step in done.json["steps"]} == {"passed"}


@pytest.mark.parametrize(
    ("claims", "step", "code"),
    [
        ({"aud": "https://other.test"}, "audience", "invalid_claim"),
        ({"cnf": {"jkt": "x"}}, "confirmation", "unconfirmed_token"),
        ({"token_type": "refresh_token"}, "access_token", "not_an_access_token"),
    ],
)
def test_the_failing_claim_of_an_answer_is_named(make, claims, step, code):
    fake = make(OPAQUE)
    done = run("explain_access_token", stdin=fake.opaque_token(**claims), json=True)
    assert (done.code, done.json["code"]) == (1, code)
    failed = [each for each in done.json["steps"] if each["outcome"] == "failed"]
    assert [each["name"] for each in failed] == [step]


def test_an_answer_with_a_time_that_is_over_is_explained(make):
    fake = make(OPAQUE)
    token = fake.opaque_token()
    fake.introspection.answer = {"active": True, **fake.claims(exp=1)}
    done = run("explain_access_token", stdin=token, json=True)
    assert (done.code, done.json["code"]) == (1, "expired_token")


def test_a_revoked_token_has_advice(make):
    fake = make(OPAQUE)
    token = fake.opaque_token()
    fake.revoke(token)
    done = run("explain_access_token", stdin=token, json=True)
    assert (done.code, done.json["code"]) == (1, "inactive_token")
    assert done.json["steps"][3]["outcome"] == "failed"
    assert done.json["advice"]
    assert token not in done.out + done.err


def test_an_endpoint_that_is_down_is_no_verdict(make):
    fake = make(OPAQUE)
    token = fake.opaque_token()
    fake.introspection.failure = FetchError("timeout")
    done = run("explain_access_token", stdin=token, json=True)
    assert (done.code, done.json["code"]) == (1, "introspection_unavailable")


@pytest.mark.django_db
def test_a_jwt_is_asked_about_where_the_settings_say_so(make):
    fake = make(introspection(VALIDATION="introspection"))
    done = run("explain_access_token", stdin=fake.access_token(), json=True)
    names = tuple(step["name"] for step in done.json["steps"])
    assert names == (*ASKED[:3], "type", *ASKED[3:], "user")
    assert done.code == 0


ASKED_TOO = (*STEPS, "introspection")


@pytest.mark.parametrize("validation", ["auto", "local"])
def test_a_jwt_that_passed_here_is_asked_about_as_well(db, make, validation):
    fake = make(introspection(VALIDATION=validation))
    token = fake.access_token()
    done = explain(token, json=True)
    assert done.code == 0
    assert outcome(done) == ([*ASKED_TOO, "user"], [])
    assert (done.json["accepted"], done.json["accepted_when_asked"]) == (True, True)
    assert fake.introspection.questions == [token]


@pytest.mark.parametrize(
    ("spoil", "code", "said", "advice"),
    [
        (
            lambda fake, token: fake.revoke(token),
            "inactive_token",
            "refuse it",
            "revoked",
        ),
        (
            lambda fake, token: fake.introspection.__setattr__(
                "answer", {"active": True, "cnf": {"jkt": "x"}}
            ),
            "unconfirmed_token",
            "refuse it",
            "goes over",
        ),
        (
            lambda fake, token: fake.introspection.__setattr__(
                "failure", FetchError("timeout")
            ),
            "introspection_unavailable",
            "cannot tell now",
            "check_oidc_issuers",
        ),
    ],
    ids=["revoked", "bound", "down"],
)
def test_accepted_here_and_refused_by_views_that_ask(
    db, make, spoil, code, said, advice
):
    fake = make(OPAQUE)
    token = fake.access_token("alice")
    spoil(fake, token)
    done = explain(token, json=True)
    assert done.code == 1
    assert outcome(done) == ([*STEPS, "user"], ["introspection"])
    document = done.json
    assert (document["accepted"], document["code"]) == (True, None)
    assert document["accepted_when_asked"] is False
    assert document["code_when_asked"] == code
    assert document["principal"]["subject"] == "alice"
    assert advice in document["advice"]
    done = explain(token)
    assert "CommandError: Accepted by views that check it here alone" in done.err
    assert f"{said}: {code}." in done.err


def test_a_jwt_that_fails_here_is_not_asked_about(make):
    fake = make(OPAQUE)
    done = explain(fake.access_token("alice", aud="x"), json=True)
    assert done.code == 1
    assert done.json["steps"][-1]["name"] == "introspection"
    assert done.json["steps"][-1]["outcome"] == "not reached"
    assert done.json["accepted_when_asked"] is False
    assert fake.introspection.questions == []


def test_an_opaque_token_that_was_cut(make):
    make(OPAQUE)
    document = explain("short", json=True).json
    assert document["code"] == "malformed_token"
    assert "Is it whole?" in document["advice"]
    assert "INTROSPECTION" not in document["advice"]
