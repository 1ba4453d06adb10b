"""K: authorization server metadata and OpenID Connect discovery, as a consumer."""

from __future__ import annotations

import json

import pytest

from django_oidc_rs.conf import parse
from django_oidc_rs.core.errors import BadSignature, KeysUnavailable
from django_oidc_rs.core.http import FetchError, HttpClient, HttpPolicy
from django_oidc_rs.core.metadata import metadata_urls
from tests.core.builders import ABSENT, edited, key
from tests.core.faults.crafting import named, published, without_kid
from tests.core.faults.records import Fault
from tests.core.keys.fakes import JWKS_URI, Network, Process
from tests.settings_faults import issuer as issuer_settings
from tests.settings_faults import top

from .support import faults, refuse, requirement, rows

ISSUER = "https://issuer.test/t1"
OPENID = f"{ISSUER}/.well-known/openid-configuration"
RFC_8414 = "https://issuer.test/.well-known/oauth-authorization-server/t1"
DOCUMENT = {"issuer": ISSUER, "jwks_uri": JWKS_URI}
LIFETIME, STALE = 600, 86400


@pytest.fixture
def network():
    network = Network("a")
    network.pages[OPENID] = json.dumps(DOCUMENT).encode()
    return network


@pytest.fixture
def process(network, clock):
    return Process(network, clock=clock, issuer=ISSUER, jwks_uri=None)


def say(network, **edits):
    """Let the metadata differ from good metadata."""
    network.pages[OPENID] = json.dumps(edited(DOCUMENT, edits)).encode()


@pytest.mark.parametrize("issuer", ["https://h/t1", "https://h/t1/"])
@requirement("K132")
def test_the_address_of_rfc_8414(issuer):
    place = "https://h/.well-known/oauth-authorization-server/t1"
    assert place in metadata_urls(issuer)


@pytest.mark.parametrize("issuer", ["https://h/t1", "https://h/t1/"])
@requirement("K133")
def test_the_address_of_openid_connect(issuer):
    assert metadata_urls(issuer)[0] == "https://h/t1/.well-known/openid-configuration"


@requirement("K132", "K133", "K148")
def test_one_form_is_enough(process, network):
    assert process.names() == ["a"]
    assert network.asked == [OPENID, JWKS_URI]


@requirement("K132")
def test_the_second_form_is_asked_where_the_first_is_missing(process, network):
    network.pages[RFC_8414] = network.pages[OPENID]
    network.pages[OPENID] = FetchError("status", status=404)
    assert process.names() == ["a"]
    assert network.asked == [OPENID, RFC_8414, JWKS_URI]


@pytest.mark.parametrize(
    "issuer",
    [f"{ISSUER}/", ISSUER.upper(), "https://evil.test", ABSENT, [ISSUER], None],
)
@requirement("K134", "K140")
def test_metadata_of_another_issuer_is_not_used(issuer, process, network):
    say(network, issuer=issuer)
    with pytest.raises(KeysUnavailable):
        process.names()
    assert network.asked == [OPENID]
    assert not process.store._records
    assert process.reports == ["issuer_mismatch"]


@rows(
    "issuer",
    {
        "K136-http": "http://issuer.test",
        "K136-query": "https://issuer.test?a=b",
        "K136-fragment": "https://issuer.test#a",
        "K136-user": "https://user:pw@issuer.test",
        "K136-file": "file:///etc/passwd",
        "K136-no-scheme": "issuer.test",
    },
)
def test_an_issuer_is_an_https_url(issuer):
    _, problems = parse(issuer_settings(ISSUER=issuer))
    assert {problem.id for problem in problems} <= {"E006", "E013"}
    assert problems


ADDRESSES = {
    "K137-http": "http://keys.example.com/jwks",
    "K137-file": "file:///etc/passwd",
    "K137-data": "data:application/json,{}",
    "K137-ftp": "ftp://keys.test/jwks",
    "K137-user": "https://user@keys.test/jwks",
    "K137-relative": "/jwks",
}


@rows("address", ADDRESSES)
def test_keys_are_fetched_by_https(address):
    _, problems = parse(issuer_settings(JWKS_URI=address))
    assert [problem.id for problem in problems] == ["E013"]
    with pytest.raises(FetchError) as caught:
        HttpClient(HttpPolicy())(address, trusted_address=False)
    assert caught.value.code == "insecure_url"


@requirement("K138", "K141")
def test_unknown_members_are_ignored(process, network):
    say(network, signed_metadata="eyJhbGciOiJub25lIn0.e30.", more=[1, {"x": None}])
    assert process.names() == ["a"]
    assert network.asked[-1] == JWKS_URI


@rows(
    "page",
    {
        "K138-array": b"[]",
        "K138-page": b"<html>log in</html>",
        "K138-nothing": b"",
        "K138-UTF-16": json.dumps(DOCUMENT).encode("utf-16"),
        "K138-error": FetchError("status", status=500),
        "K138-login-page": FetchError("content_type"),
    },
)
def test_what_is_no_document_leads_nowhere(page, process, network):
    network.pages[OPENID] = page
    with pytest.raises(KeysUnavailable):
        process.names()
    assert JWKS_URI not in network.asked


@pytest.mark.parametrize("name", ["VERIFY", "VERIFY_TLS", "INSECURE"])
@requirement("K139")
def test_no_setting_switches_verification_off(name):
    _, problems = parse(top(HTTP={name: False}))
    assert [problem.id for problem in problems] == ["E002"]
    _, problems = parse(top(HTTP={"CA_BUNDLE": False}))
    assert [problem.id for problem in problems] == ["E003"]


@requirement("K142")
def test_an_encryption_key_beside_is_not_used(process, network):
    enc = {**named("ES256", "enc")().public_jwk(), "use": "enc"}
    network.answer = json.dumps({"keys": [key().public_jwk(), enc]}).encode()
    assert process.names() == ["k1"]


@requirement("K143")
def test_a_rotated_key_is_found_and_random_names_cost_two_fetches(process, network):
    assert process.names() == ["a"]
    network.serve("a", "b")
    assert process.find("b")
    hits = network.hits
    for number in range(1000):
        assert not process.find(f"random-{number}")
    assert network.hits <= hits + 1


FIVE = [key, *(named("ES256", f"e{index}") for index in range(2, 6))]

FAULTS = [
    Fault(
        "K144-the-fifth-key-is-not-tried",
        BadSignature,
        signer=FIVE[-1],
        header=without_kid(),
        jwks=published(*FIVE),
        asks=True,
    ),
]


@faults(FAULTS)
def test_without_kid_four_keys_are_tried(fault):
    refuse(fault)


@requirement("K145")
def test_a_key_that_is_gone_is_gone(process, network, clock):
    network.serve("a", "b")
    assert process.names() == ["a", "b"]
    network.serve("b")
    clock.advance(LIFETIME + 1)
    assert process.names() == ["b"]
    assert not process.find("a")


FAILURES = {
    "K146-500": FetchError("status", status=500),
    "K146-timeout": FetchError("timeout"),
    "K146-garbage": b"garbage",
    "K146-empty-set": b'{"keys": []}',
    "K146-tls": FetchError("tls"),
}


@rows("failure", FAILURES)
def test_known_keys_outlive_a_failure_for_a_time(failure, process, network, clock):
    assert process.names() == ["a"]
    network.answer = failure
    clock.advance(LIFETIME + 1)
    assert process.names() == ["a"]
    assert process.reports[-1] is not None
    clock.advance(STALE)
    with pytest.raises(KeysUnavailable):
        process.names()
