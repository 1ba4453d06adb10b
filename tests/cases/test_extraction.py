"""Section A: where a token is read from. The header is the only place."""

from __future__ import annotations

import json
from urllib.parse import urlencode

import pytest

from django_oidc_rs.core.credentials import parse_authorization
from tests.attacks.harness import HANDLERS, Outcome, Sent
from tests.attacks.surface import (
    FORM,
    IR,
    IT,
    NA,
    OK,
    everywhere,
    over_every_handler,
)

pytestmark = [pytest.mark.urls("tests.cases.urls"), pytest.mark.django_db]


def cases(token: str) -> dict[str, tuple[Sent, Outcome]]:
    bearer = f"Bearer {token}"
    pair = urlencode({"access_token": token})
    form = pair.encode()
    multipart = (
        '--x\r\nContent-Disposition: form-data; name="access_token"\r\n\r\n'
        f"{token}\r\n--x--\r\n"
    ).encode()
    return {
        "TE-01": (Sent((bearer,)), OK),
        "TE-02-lower": (Sent((f"bearer {token}",)), OK),
        "TE-02-upper": (Sent((f"BEARER {token}",)), OK),
        "TE-03": (Sent((f"Bearer {token}==",)), IT),
        "TE-05": (Sent(("Basic YTpi",)), NA),
        "TE-06": (Sent(("Bearer",)), IR),
        "TE-06-space": (Sent(("Bearer ",)), IR),
        "TE-07": (Sent(('Bearer a"b"c',)), IT),
        "TE-08": (Sent((f"Bearer  {token}",)), IR),
        "TE-09": (Sent((f"{bearer} extra",)), IR),
        "TE-11": (Sent((bearer,), query=pair), OK),
        "TE-11-bad-header": (Sent(("Bearer x.y.z",), query=pair), IT),
        "TE-12": (Sent((bearer,), "POST", "", form, FORM), OK),
        "TE-12-bad-header": (Sent(("Bearer x.y.z",), "POST", "", form, FORM), IT),
        "TE-13": (Sent((bearer,), query="access_token=x.y.z"), OK),
        "TE-14": (Sent(query=pair), NA),
        "TE-15-head": (Sent((), "HEAD", pair), NA),
        "TE-17": (Sent(query="access_token=a&access_token=b"), NA),
        "TE-18": (Sent((), "POST", "", form + b"&" + form, FORM), NA),
        "TE-19": (
            Sent((), "POST", "", multipart, "multipart/form-data; boundary=x"),
            NA,
        ),
        "TE-20": (
            Sent(
                (),
                "POST",
                "",
                json.dumps({"access_token": token}).encode(),
                "application/json",
            ),
            NA,
        ),
        "TE-21": (Sent((), "GET", "", form, FORM), NA),
        "TE-23": (Sent((), "POST", pair, b"", FORM), NA),
        "TE-24-query": (Sent(query="access_token="), NA),
        "TE-24-body": (Sent((), "POST", "", b"access_token=", FORM), NA),
        "TE-25": (Sent((), "POST", "", form, f"{FORM}; charset=UTF-8"), NA),
        "TE-26": (Sent(headers={"X-Auth": bearer}), NA),
        "TE-26-beside": (Sent((bearer,), headers={"X-Auth": "Bearer x.y.z"}), OK),
    }


@everywhere
@pytest.mark.parametrize("case", cases("token"))
def test_extraction(case, url, handler, issuer, attack):
    good = issuer.access_token("alice", ["read"])
    sent, outcome = cases(good)[case]
    attack(sent, outcome, url=url, handler=handler, good=good)


@pytest.mark.parametrize(
    "raw_token",
    [
        pytest.param("abc==", id="TE-03-core"),
        pytest.param("a-._~+/1=", id="TE-03-alphabet"),
    ],
)
def test_a_b64token_is_taken_as_it_is(raw_token):
    """RFC 6750 section 2.1; whether it is a JWT is not for the header to say."""
    credentials = parse_authorization(f"Bearer {raw_token}", max_token_length=16384)
    assert credentials.raw_token == raw_token


@over_every_handler
@pytest.mark.parametrize(
    ("sent", "outcome"),
    [
        pytest.param(Sent(("Basic YTpi",)), OK, id="TE-05-another-class"),
        pytest.param(Sent(("Bearer x.y.z",)), IT, id="TE-05-ours"),
        pytest.param(Sent(), NA, id="TE-05-neither"),
    ],
)
def test_another_scheme_is_left_to_another_class(sent, outcome, handler, attack):
    attack(sent, outcome, url="/two-schemes", handler=handler)


@over_every_handler
@pytest.mark.parametrize(
    ("sent", "status"),
    [
        pytest.param(Sent(), 200, id="TE-27"),
        pytest.param(Sent(("Basic YTpi",)), 200, id="TE-27-another-scheme"),
        pytest.param(Sent(("Bearer x.y.z",)), 401, id="TE-27-bad-token"),
    ],
)
def test_where_a_token_is_optional(sent, status, handler, issuer):
    answer = HANDLERS[handler]("/optional", sent)
    assert answer.status == status
    assert "authorization" in answer.one("Vary").lower()


@everywhere
@pytest.mark.parametrize(
    "query",
    [pytest.param("access_token={}", id="TE-15"), pytest.param("", id="TE-15-no")],
)
def test_an_answer_to_a_token_is_private(query, url, handler, issuer):
    """RFC 6750 section 2.3 wants it where the query carries one; here it always is."""
    token = issuer.access_token("alice", ["read"])
    sent = Sent((f"Bearer {token}",), query=query.format(token))
    answer = HANDLERS[handler](url, sent)
    assert answer.status == 200
    assert answer.one("Cache-Control") == "private"
