"""check_oidc_issuers: what is wrong with an issuer, and what to do about it."""

import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path

import pytest
from django.test import override_settings
from hypothesis import given, settings
from hypothesis import strategies as st

from django_oidc_rs import core
from django_oidc_rs.conf import get_config
from django_oidc_rs.core.http import FetchedDocument, FetchError
from django_oidc_rs.core.keys import MemoryKeyStore, StoreError
from django_oidc_rs.management.commands import check_oidc_issuers
from django_oidc_rs.testing import FakeClock, FakeIssuer, SigningKey, install

from .commands import HOSTILE, database_store, is_harmless, run
from .settings_faults import JWKS, SECRET, issuer, top

# An address needs no resolver, and "x" * 64 is no host name anywhere.
HERE = "https://127.0.0.1/realms/acme"
NOWHERE = f"https://{'x' * 64}.test"
METADATA = f"{HERE}/.well-known/openid-configuration"


class World:
    """One issuer, a clock, a store, and the command run against them."""

    def __init__(self, **keys):
        self.settings = override_settings(OIDC_RS=issuer(**{"ISSUER": HERE, **keys}))
        self.settings.enable()
        self.clock = FakeClock()
        self.issuer = FakeIssuer(clock=self.clock)
        self.store = MemoryKeyStore()

    def run(self, name="check_oidc_issuers", *args, **options):
        with database_store(self.issuer, clock=self.clock, store=self.store):
            return run(name, *args, **options)

    def findings(self):
        """The result and the remedy by check."""
        return {each["check"]: each for each in self.run(json=True).json}

    def date(self, seconds, **headers):
        """Let answers carry a ``Date`` that is ``seconds`` ahead of our clock."""
        date = datetime.fromtimestamp(self.clock.now() + seconds, UTC)
        self.issuer.headers = {"date": format_datetime(date, usegmt=True), **headers}


@pytest.fixture
def worlds():
    """Make worlds, and end them."""
    made = []

    def make(**keys):
        made.append(World(**keys))
        return made[-1]

    yield make
    for world in reversed(made):
        world.settings.disable()


@pytest.fixture
def world(worlds):
    """An issuer that is well, and whose keys are stored."""
    world = worlds()
    world.date(0)
    world.run("sync_oidc_keys")
    world.issuer.fetches.clear()
    return world


# All is well.


def test_an_issuer_that_is_well(world):
    done = world.run()
    assert (done.code, done.err) == (0, "")
    assert done.lines[0] == "ISSUER CHECK RESULT DETAIL"
    assert done.lines[2:] == [
        "default dns ok 127.0.0.1",
        f"default metadata ok {METADATA}",
        "default keys ok 1 usable key: ES256",
        "default stored keys ok 0 s old",
        "default clock ok 0 s behind the issuer's",
    ]


def test_json_says_the_same(world):
    done = world.run(json=True)
    assert done.json[0] == {
        "alias": "default",
        "check": "dns",
        "ok": True,
        "detail": "127.0.0.1",
        "remedy": "",
    }
    assert [each["check"] for each in done.json] == [
        *("dns", "metadata", "keys", "stored keys", "clock")
    ]
    assert all(each["ok"] for each in done.json)


def test_it_writes_nothing(world):
    before = world.store.load(HERE)
    world.issuer.rotate()
    world.clock.advance(60)
    world.run()
    assert world.store.load(HERE) == before


def test_it_asks_though_fresh_keys_are_stored(world):
    world.run()
    assert world.issuer.fetches == [METADATA, world.issuer.jwks_uri]


def test_a_known_address_needs_no_metadata(worlds):
    world = worlds(JWKS_URI="https://127.0.0.1/keys")
    assert "metadata" not in world.findings()
    assert world.issuer.fetches == ["https://127.0.0.1/keys"]


def test_a_metadata_address_is_used(worlds):
    world = worlds(ISSUER="atm", METADATA_URL="https://127.0.0.1/m")
    world.issuer.bodies["https://127.0.0.1/m"] = json.dumps(
        {"issuer": "atm", "jwks_uri": world.issuer.jwks_uri}
    ).encode()
    findings = world.findings()
    assert findings["metadata"]["detail"] == "https://127.0.0.1/m"
    assert findings["keys"]["ok"]


@pytest.mark.parametrize("keys", [{"JWKS": JWKS}, {"SHARED_SECRET": SECRET}])
def test_keys_in_settings_need_no_doctor(keys):
    with override_settings(OIDC_RS=issuer(ISSUER="atm", **keys)):
        done = run("check_oidc_issuers")
    assert done.code == 0
    assert done.lines[2:] == ["default keys ok written in settings"]
    assert SECRET not in done.out


# What is wrong.


@pytest.mark.parametrize(
    ("break_it", "check", "code"),
    [
        *(
            (lambda it, code=code: it.fail(code), "metadata", code)
            for code in (
                *("connect", "proxy", "tls", "timeout", "redirect", "protocol"),
                *("insecure_url", "private_address", "too_large", "dns"),
                *("content_type", "content_encoding"),
            )
        ),
        (lambda it: it.fail("status", status=404), "metadata", "status"),
        (lambda it: it.fail("status", status=503), "metadata", "status"),
        (lambda it: it.bodies.update({METADATA: b"<html>"}), "metadata", "not_json"),
        (
            lambda it: it.bodies.update({METADATA: b'{"issuer": "x"}'}),
            "metadata",
            "issuer_mismatch",
        ),
        (
            lambda it: it.bodies.update(
                {METADATA: json.dumps({"issuer": HERE}).encode()}
            ),
            "metadata",
            "no_jwks_uri",
        ),
        (lambda it: it.lie(b"<html>"), "keys", "not_json"),
        (lambda it: it.lie(b"{}"), "keys", "no_keys_array"),
        (lambda it: it.lie(b'{"keys": []}'), "keys", "no_usable_key"),
        (
            lambda it: it.lie(json.dumps({"keys": [{}] * 101}).encode()),
            "keys",
            "too_many_keys",
        ),
        (
            lambda it: it.bodies.update(
                {
                    METADATA: json.dumps(
                        {"issuer": HERE, "jwks_uri": "https://127.0.0.1/gone"}
                    ).encode()
                }
            ),
            "keys",
            "connect",
        ),
    ],
)
def test_a_failure_is_found_where_it_is(world, break_it, check, code):
    break_it(world.issuer)
    done = world.run()
    assert done.code == 1
    assert "CommandError: 1 of " in done.err
    findings = world.findings()
    assert [name for name, each in findings.items() if not each["ok"]] == [check]
    assert findings[check]["detail"].startswith(f"{code}: http")
    assert findings[check]["remedy"] == check_oidc_issuers._REMEDIES[code]
    assert f"default, {check}: {findings[check]['remedy']}" in done.out.splitlines()
    # What comes later is not asked, what is stored is looked at all the same.
    assert ("keys" in findings) is (check == "keys")
    assert "stored keys" in findings


def test_the_address_that_failed_is_named(world):
    world.issuer.fail("status", status=404)
    detail = world.findings()["metadata"]["detail"]
    assert "https://127.0.0.1/.well-known/oauth-authorization-server/" in detail
    world.issuer.recover()
    world.issuer.lie(b"{}")
    assert world.issuer.jwks_uri in world.findings()["keys"]["detail"]


def test_both_issuers_stand_in_a_mismatch(world):
    world.issuer.bodies[METADATA] = json.dumps({"issuer": HERE + "/"}).encode()
    detail = world.findings()["metadata"]["detail"]
    assert f"'{HERE}/'" in detail
    assert f"'{HERE}'" in detail
    assert detail.count(METADATA) == 1


def test_a_failure_nobody_foresaw_has_a_remedy_too(world):
    world.issuer.fail("unheard_of")
    assert world.findings()["metadata"]["remedy"]


def test_every_failure_code_has_a_remedy():
    sources = Path(core.__file__).parent.rglob("*.py")
    source = "".join(path.read_text() for path in sources)
    raised = r'(?:FetchError|MetadataError|JwkSetError|SourceError)\(\s*"(\w+)"'
    codes = set(re.findall(raised, source))
    described = FetchError.__doc__.partition("code:")[2].partition("detail:")[0]
    codes |= set(re.findall(r"``(\w+)``", described))
    assert len(codes) > 15
    # Only a stored record can be foreign, and there is one remedy for those.
    assert codes - {"foreign_record"} == set(check_oidc_issuers._REMEDIES)


def test_dns(worlds):
    findings = worlds(ISSUER=NOWHERE).findings()
    assert not findings["dns"]["ok"]
    assert findings["dns"]["detail"].startswith("x" * 64)
    assert findings["dns"]["remedy"] == check_oidc_issuers._REMEDIES["dns"]
    # The others are tried all the same.
    assert findings["keys"]["ok"]


def test_dns_may_be_the_proxys(worlds):
    world = worlds()
    raw = top(
        HTTP={"PROXIES": {"https": "http://proxy.test:3128"}},
        ISSUERS={"default": {"ISSUER": NOWHERE}},
    )
    with override_settings(OIDC_RS=raw):
        world.issuer = FakeIssuer(clock=world.clock)
        finding = world.findings()["dns"]
    assert finding["ok"]
    assert "proxy" in finding["detail"]


def test_several_addresses_are_listed(worlds):
    detail = worlds(ISSUER="https://localhost").findings()["dns"]["detail"]
    assert {"127.0.0.1", "::1"} & set(detail.split(", "))


@pytest.mark.parametrize(
    "jwk",
    [
        {**SigningKey("ES256", key_id="bad").public_jwk(), "d": "AAAA"},
        SigningKey("RS256", key_id="bad", bits=1024).public_jwk(),
    ],
    ids=["private", "weak"],
)
def test_an_alarming_key_is_reported(world, jwk):
    world.issuer.published.append(jwk)
    done = world.run()
    assert done.code == 1
    assert any(
        line.startswith("default refused key FAILED bad: ") for line in done.lines
    )
    assert world.findings()["refused key"]["remedy"]


def test_two_bad_keys_are_two_findings_and_one_remedy(world):
    bad = {**SigningKey("ES256", key_id="bad").public_jwk(), "d": "AAAA"}
    world.issuer.published += [bad, {**bad, "kid": "bad2"}]
    done = world.run()
    assert "CommandError: 2 of 7 checks failed." in done.err
    assert done.out.count("Have the issuer replace this key.") == 1


def test_keys_for_other_uses_are_no_failure(world):
    enc = SigningKey("RS256", key_id="enc").public_jwk()
    world.issuer.published += [{**enc, "use": "enc"}, enc | {"kid": None}]
    assert world.run().code == 0
    assert world.findings()["keys"]["detail"] == "2 usable keys: ES256 RS256"


def test_a_bad_key_without_key_id(world):
    world.issuer.published.append({"kty": "oct", "k": "AAAA"})
    assert "-: symmetric_key" in world.findings()["refused key"]["detail"]


# What is stored.


def test_nothing_stored(worlds):
    world = worlds()
    done = world.run()
    assert done.code == 1
    finding = world.findings()["stored keys"]
    assert (finding["ok"], finding["detail"]) == (False, "none")
    assert "sync_oidc_keys" in finding["remedy"]


@pytest.mark.parametrize(
    ("seconds", "ok", "detail"),
    [
        (0, True, "0 s old"),
        (90, True, "90 s old"),
        (600, True, "10 min old"),
        (600 + 86400, True, "24 h old"),
        (601 + 86400, False, "24 h old, too old to serve"),
        (30 * 86400, False, "30 days old, too old to serve"),
        # A clock that was put back.
        (-60, True, "0 s old"),
    ],
)
def test_the_age_of_what_is_stored(world, seconds, ok, detail):
    world.clock.advance(seconds)
    finding = world.findings()["stored keys"]
    assert (finding["ok"], finding["detail"]) == (ok, detail)
    assert bool(finding["remedy"]) is not ok


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"jwks": "<html>"}, "not_json"),
        ({"jwks": "{}"}, "no_keys_array"),
        ({"jwks": '{"keys":[]}'}, "no_usable_key"),
        ({"issuer": "https://other.test"}, "foreign_record"),
    ],
)
def test_a_stored_record_that_is_of_no_use(world, changes, code):
    record = world.store.load(HERE)
    world.store._records[HERE] = replace(record, **changes)
    finding = world.findings()["stored keys"]
    assert not finding["ok"]
    assert finding["detail"].startswith(f"{code}: ")
    assert "sync_oidc_keys" in finding["remedy"]


def test_a_store_that_cannot_be_read(world):
    class Down:
        def load(self, issuer):
            raise StoreError("OperationalError")

    world.store = Down()
    done = world.run()
    assert done.code == 1
    finding = world.findings()["stored keys"]
    assert "OperationalError" in finding["detail"]
    assert "migrate" in finding["remedy"]


# Keys that the command alone fetches.


@pytest.fixture
def by_command(worlds):
    """An issuer whose keys the command has stored, and nothing else fetches."""
    world = worlds(KEYS={"REFRESH": "command"})
    world.date(0)
    world.run("sync_oidc_keys")
    return world


def test_stored_keys_that_are_the_published_ones(by_command):
    assert by_command.run().code == 0
    finding = by_command.findings()["up to date"]
    assert (finding["ok"], finding["remedy"]) == (True, "")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda it: it.rotate(keep_old=True), "1 new, 0 withdrawn"),
        (lambda it: it.rotate(), "1 new, 1 withdrawn"),
        (lambda it: it.published[0].update(x5t="x"), "same key IDs"),
    ],
)
def test_stored_keys_that_are_behind(by_command, change, said):
    change(by_command.issuer)
    done = by_command.run()
    assert done.code == 1
    finding = by_command.findings()["up to date"]
    assert not finding["ok"]
    assert said in finding["detail"]
    assert "sync_oidc_keys" in finding["remedy"]
    by_command.run("sync_oidc_keys")
    assert by_command.findings()["up to date"]["ok"]


def test_the_order_of_keys_means_nothing(by_command):
    by_command.issuer.rotate(keep_old=True)
    by_command.run("sync_oidc_keys")
    by_command.issuer.published.reverse()
    assert by_command.findings()["up to date"]["ok"]


def test_nothing_is_compared_with_nothing(worlds):
    findings = worlds(KEYS={"REFRESH": "command"}).findings()
    assert "up to date" not in findings
    assert 'REFRESH "command"' in findings["stored keys"]["remedy"]


def test_nothing_is_compared_during_an_outage(by_command):
    by_command.issuer.fail()
    assert "up to date" not in by_command.findings()


def test_requests_keep_themselves_up_to_date(world):
    world.issuer.rotate()
    assert "up to date" not in world.findings()


@pytest.mark.parametrize(
    ("seconds", "ok"), [(604800, True), (604801, False), (7 * 86400 - 1, True)]
)
def test_what_the_command_stored_serves_max_stale(by_command, seconds, ok):
    by_command.clock.advance(seconds)
    by_command.date(0)
    assert by_command.findings()["stored keys"]["ok"] is ok


# The clock.


@pytest.mark.parametrize(
    ("theirs", "ok", "detail"),
    [
        (0, True, "0 s behind the issuer's"),
        (10, True, "10 s behind the issuer's"),
        (-10, True, "10 s ahead of the issuer's"),
        (11, False, "11 s behind the issuer's"),
        (-11, False, "11 s ahead of the issuer's"),
        (-7200, False, "2 h ahead of the issuer's"),
    ],
)
def test_a_drifted_clock(world, theirs, ok, detail):
    world.date(theirs)
    finding = world.findings()["clock"]
    assert (finding["ok"], finding["detail"]) == (ok, detail)
    assert ("NTP" in finding["remedy"]) is not ok


@pytest.mark.parametrize(
    ("age", "ok"),
    [("300", True), ("0", False), ("-300", False), ("x", False), ("9" * 5000, False)],
)
def test_a_caches_answer_is_as_old_as_it_says(world, age, ok):
    world.date(-300, age=age)
    assert world.findings()["clock"]["ok"] is ok


@pytest.mark.parametrize("headers", [{}, {"date": "yesterday"}, {"date": ""}])
def test_no_date_is_no_failure(world, headers):
    world.issuer.headers = headers
    finding = world.findings()["clock"]
    assert (finding["ok"], finding["detail"]) == (True, "the issuer tells no date")


def test_a_date_without_zone_is_utc(world):
    world.date(0)
    date = world.issuer.headers["date"].replace("GMT", "-0000")
    world.issuer.headers = {"date": date}
    assert world.findings()["clock"]["ok"]


def test_without_an_answer_there_is_no_clock(world):
    world.issuer.fail()
    assert "clock" not in world.findings()


@settings(deadline=None)
@given(
    st.text(max_size=40)
    | st.from_regex(r"[A-Z][a-z]{2}, \d{1,2} [A-Z][a-z]{2} \d{1,5} [\d:]{1,8} .{0,6}"),
    st.text(max_size=12),
)
def test_no_header_breaks_it(date, age):
    document = FetchedDocument(
        url="x",
        status=200,
        body=b"",
        headers={"date": date, "age": age},
        public_address=True,
    )
    detail, _remedy = check_oidc_issuers._drift(document, 1_800_000_000.0)
    assert detail


# Several issuers.


def test_several_issuers_show_progress():
    raw = top(
        ISSUERS={
            "one": {"ISSUER": "https://127.0.0.1/1", "SCOPES": []},
            "two": {"ISSUER": "https://127.0.0.1/2", "SCOPES": []},
        }
    )
    with override_settings(OIDC_RS=raw):
        one, two = map(FakeIssuer, get_config().issuers)
        two.fail()
        with install(one, two):
            done = run("check_oidc_issuers")
            assert done.err.splitlines()[:2] == ["[1/2] one", "[2/2] two"]
            assert done.code == 1
            assert "one keys ok 1 usable key: ES256" in done.lines
            assert run("check_oidc_issuers", "one").err.startswith("CommandError")
            only = run("check_oidc_issuers", "two", json=True).json
            assert {each["alias"] for each in only} == {"two"}
            assert "[1/2]" not in run("check_oidc_issuers", json=True).err


# What others wrote, and what cannot be run.


def test_hostile_texts_are_escaped_and_cut(world):
    bad = {**SigningKey("ES256", key_id=HOSTILE).public_jwk(), "d": "AAAA"}
    world.issuer.published.append(bad)
    for options in ({}, {"json": True}):
        done = world.run(**options)
        assert is_harmless(done.out + done.err)
        assert "\\x1b[31mred" in done.out
        assert len(done.out) < 2500
    world.issuer.bodies[METADATA] = json.dumps({"issuer": HOSTILE}).encode()
    for options in ({}, {"json": True}):
        done = world.run(**options)
        assert is_harmless(done.out + done.err)
        assert "\\x1b[31mred" in done.out
        assert len(done.out) < 2500


def test_an_unknown_alias(world):
    done = world.run("check_oidc_issuers", "nobody")
    assert done.code == 2
    assert "nobody" in done.err
    assert world.issuer.fetches == []


def test_broken_settings():
    with override_settings(OIDC_RS=issuer(LEEWAY=-1)):
        done = run("check_oidc_issuers")
    assert done.code == 2
    assert "django_oidc_rs.E011" in done.err


# Asking about tokens.

ASKED = {
    "VALIDATION": "introspection",
    "INTROSPECTION": {"CLIENT_ID": "api", "CLIENT_SECRET": "s3cret"},
}


def test_an_issuer_that_is_asked_needs_no_keys(worlds):
    findings = worlds(**ASKED).findings()
    assert set(findings) == {"introspection", "keys"}
    assert all(each["ok"] for each in findings.values())


def test_credentials_are_proved_beside_keys(worlds):
    world = worlds(**{**ASKED, "VALIDATION": "auto"})
    findings = world.findings()
    assert {"introspection", "metadata", "keys", "stored keys"} <= set(findings)
    assert findings["introspection"]["ok"]
    (question,) = world.issuer.introspection.questions
    assert question not in str(findings)


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        (FetchError("status", status=401), "introspection_unauthorized"),
        (FetchError("status", status=403), "introspection_unauthorized"),
        (FetchError("status", status=400), "introspection_refused"),
        (FetchError("status", status=404), "introspection_failed"),
        (FetchError("timeout"), "introspection_failed"),
    ],
)
def test_an_endpoint_that_cannot_be_asked_is_found_out(worlds, failure, reason):
    world = worlds(**ASKED)
    world.issuer.introspection.failure = failure
    finding = world.findings()["introspection"]
    assert not finding["ok"]
    assert finding["detail"].startswith(reason)
    assert finding["remedy"]


@pytest.mark.parametrize(
    ("keys", "hinted"), [({}, True), ({"ENDPOINT": "https://issuer.test/ask"}, False)]
)
def test_an_endpoint_nobody_knows_is_the_metadatas_fault(worlds, keys, hinted):
    asked = {**ASKED["INTROSPECTION"], **keys}
    world = worlds(VALIDATION="auto", INTROSPECTION=asked)
    world.issuer.fail()
    findings = world.findings()
    assert list(findings)[-1] == "introspection"
    assert not findings["introspection"]["ok"]
    assert ("metadata" in findings["introspection"]["remedy"]) is hinted


def test_an_endpoint_that_believes_everything_is_found_out(worlds):
    world = worlds(**ASKED)
    world.issuer.introspection.answer = {"active": True}
    finding = world.findings()["introspection"]
    assert not finding["ok"]
    assert "local" in finding["remedy"]
