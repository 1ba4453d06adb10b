"""Where server metadata lies, and what of it may be believed."""

from __future__ import annotations

import json
from dataclasses import FrozenInstanceError

import pytest

from django_oidc_rs.core.http import FetchedDocument, FetchError
from django_oidc_rs.core.metadata import (
    MetadataError,
    discover,
    discover_introspection,
    metadata_urls,
    parse_metadata,
)

ISSUER = "https://issuer.test/realms/acme"
OPENID = f"{ISSUER}/.well-known/openid-configuration"
RFC_8414 = "https://issuer.test/.well-known/oauth-authorization-server/realms/acme"
GOOD = {"issuer": ISSUER, "jwks_uri": "https://keys.test/jwks"}


def document(members: object = GOOD, *, url=OPENID, public=True) -> FetchedDocument:
    body = members if isinstance(members, bytes) else json.dumps(members).encode()
    return FetchedDocument(
        url=url, status=200, body=body, headers={}, public_address=public
    )


class Site:
    """A ``Fetch``: address -> document or error; everything else is 404."""

    def __init__(self, pages: dict[str, object]) -> None:
        self.pages = pages
        self.asked: list[tuple[str, bool]] = []

    def __call__(self, url, *, trusted_address, headers=()):
        self.asked.append((url, trusted_address))
        page = self.pages.get(url, FetchError("status", status=404))
        if isinstance(page, Exception):
            raise page
        return page


URLS = {
    "DI-01 no path": (
        "https://h",
        "https://h/.well-known/openid-configuration",
        "https://h/.well-known/oauth-authorization-server",
    ),
    "Auth0: a slash alone": (
        "https://tenant.auth0.test/",
        "https://tenant.auth0.test/.well-known/openid-configuration",
        "https://tenant.auth0.test/.well-known/oauth-authorization-server",
    ),
    "DI-02 133 a path": (
        "https://h/t1",
        "https://h/t1/.well-known/openid-configuration",
        "https://h/.well-known/oauth-authorization-server/t1",
    ),
    "DI-02 132 a path with a slash": (
        "https://h/t1/",
        "https://h/t1/.well-known/openid-configuration",
        "https://h/.well-known/oauth-authorization-server/t1",
    ),
    "a path that ends in a capital": (
        "https://h/TX",
        "https://h/TX/.well-known/openid-configuration",
        "https://h/.well-known/oauth-authorization-server/TX",
    ),
    "port and a long path": (
        "https://h:8443/a/b",
        "https://h:8443/a/b/.well-known/openid-configuration",
        "https://h:8443/.well-known/oauth-authorization-server/a/b",
    ),
}


@pytest.mark.parametrize(("issuer", "openid", "rfc_8414"), URLS.values(), ids=URLS)
def test_both_forms_of_the_address(issuer, openid, rfc_8414):
    assert metadata_urls(issuer) == (openid, rfc_8414)


def test_a_good_document():
    metadata = parse_metadata(document({**GOOD, "more": [1]}), issuer=ISSUER)
    assert metadata.issuer == ISSUER
    assert metadata.jwks_uri == "https://keys.test/jwks"
    assert metadata.url == OPENID
    assert metadata.public_address


def test_what_was_believed_cannot_change():
    metadata = parse_metadata(document(), issuer=ISSUER)
    with pytest.raises(FrozenInstanceError):
        metadata.jwks_uri = "https://evil.test/jwks"


def test_141_signed_metadata_is_ignored():
    other = {**GOOD, "signed_metadata": "eyJhbGciOiJub25lIn0.e30."}
    assert parse_metadata(document(other), issuer=ISSUER).jwks_uri == GOOD["jwks_uri"]


BAD = {
    "134 A107 a trailing slash": ({**GOOD, "issuer": ISSUER + "/"}, "issuer_mismatch"),
    "A107 case": ({**GOOD, "issuer": ISSUER.upper()}, "issuer_mismatch"),
    "A107 another host": ({**GOOD, "issuer": "https://evil.test"}, "issuer_mismatch"),
    "A107 a list": ({**GOOD, "issuer": [ISSUER]}, "issuer_mismatch"),
    "A107 null": ({**GOOD, "issuer": None}, "issuer_mismatch"),
    "DI-07 no issuer": ({"jwks_uri": "https://keys.test"}, "issuer_mismatch"),
    "DI-07 no jwks_uri": ({"issuer": ISSUER}, "no_jwks_uri"),
    "A136 jwks_uri no text": ({**GOOD, "jwks_uri": ["https://k"]}, "no_jwks_uri"),
    "DI-08 no JSON": (b"<html>log in</html>", "not_json"),
    "DI-08 an array": ([GOOD], "not_json"),
    "DI-08 cut off": (json.dumps(GOOD).encode()[:-1], "not_json"),
    "A125 UTF-16": (json.dumps(GOOD).encode("utf-16"), "not_json"),
    "two issuers": (
        b'{"issuer": "https://evil.test", ' + json.dumps(GOOD).encode()[1:],
        "not_json",
    ),
}


@pytest.mark.parametrize(("members", "code"), BAD.values(), ids=BAD)
def test_a_document_that_cannot_be_believed(members, code):
    with pytest.raises(MetadataError) as caught:
        parse_metadata(document(members), issuer=ISSUER)
    assert caught.value.code == code
    assert str(caught.value).startswith(f"{OPENID} ")


def test_an_operator_reads_both_issuers():
    other = document({**GOOD, "issuer": "https://other.test"})
    with pytest.raises(MetadataError) as caught:
        parse_metadata(other, issuer=ISSUER)
    message = str(caught.value)
    assert ascii("https://other.test") in message
    assert ascii(ISSUER) in message


@pytest.mark.parametrize(("members", "code"), BAD.values(), ids=BAD)
def test_no_second_form_for_a_document_that_cannot_be_believed(members, code):
    site = Site({OPENID: document(members), RFC_8414: document(url=RFC_8414)})
    with pytest.raises(MetadataError) as caught:
        discover(site, issuer=ISSUER)
    assert caught.value.code == code
    assert site.asked == [(OPENID, True)]


def test_discovery_stops_at_the_first_form():
    site = Site({OPENID: document(), RFC_8414: document(url=RFC_8414)})
    assert discover(site, issuer=ISSUER).url == OPENID
    assert site.asked == [(OPENID, True)]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 410, 451])
def test_di_03_a_4xx_falls_through_to_the_second_form(status):
    site = Site(
        {
            OPENID: FetchError("status", status=status),
            RFC_8414: document(url=RFC_8414, public=False),
        }
    )
    metadata = discover(site, issuer=ISSUER)
    assert metadata.url == RFC_8414
    assert not metadata.public_address
    assert site.asked == [(OPENID, True), (RFC_8414, True)]


NOT_NOW = {
    "DI-04 500": FetchError("status", status=500),
    "503": FetchError("status", status=503),
    "408 comes too late": FetchError("status", status=408),
    "425 too early": FetchError("status", status=425),
    "429 too often": FetchError("status", status=429),
    "204 without a document": FetchError("status", status=204),
    "timeout": FetchError("timeout"),
    "no connection": FetchError("connect"),
    "A110 redirect": FetchError("redirect"),
    "LemonLDAP: a log-in page with 200": FetchError("content_type"),
    "TLS": FetchError("tls"),
}


@pytest.mark.parametrize("error", NOT_NOW.values(), ids=NOT_NOW)
def test_di_04_nothing_else_falls_through(error):
    site = Site({OPENID: error, RFC_8414: document(url=RFC_8414)})
    with pytest.raises(FetchError) as caught:
        discover(site, issuer=ISSUER)
    assert caught.value is error
    assert site.asked == [(OPENID, True)]


def test_neither_form_is_there():
    site = Site({})
    with pytest.raises(FetchError) as caught:
        discover(site, issuer=ISSUER)
    assert caught.value.status == 404
    assert [url for url, _ in site.asked] == [OPENID, RFC_8414]


def test_di_05_a_metadata_address_from_settings_is_used_verbatim():
    url = "https://issuer.test/Some/Where?p=B2C_1_signin"
    site = Site({url: document(url=url), OPENID: document()})
    assert discover(site, issuer=ISSUER, metadata_url=url).url == url
    assert site.asked == [(url, True)]


def test_di_05_a_metadata_address_from_settings_has_no_second_form():
    site = Site({OPENID: document()})
    with pytest.raises(FetchError):
        discover(site, issuer=ISSUER, metadata_url="https://issuer.test/gone")
    assert len(site.asked) == 1


def test_the_issuer_is_compared_although_the_address_is_given():
    url = "https://issuer.test/meta"
    site = Site({url: document({**GOOD, "issuer": "https://evil.test"}, url=url)})
    with pytest.raises(MetadataError) as caught:
        discover(site, issuer=ISSUER, metadata_url=url)
    assert caught.value.code == "issuer_mismatch"


def test_what_a_document_says_reaches_the_message_escaped():
    with pytest.raises(MetadataError) as caught:
        parse_metadata(
            document({**GOOD, "issuer": "\r\n\x1b[31m" + "x" * 500}), issuer=ISSUER
        )
    message = str(caught.value)
    assert message.isprintable()
    assert len(message) < 400


def test_an_endpoint_for_questions_is_looked_for_where_the_settings_say_alone():
    site = Site({OPENID: document()})
    with pytest.raises(FetchError) as caught:
        discover_introspection(site, issuer=ISSUER, metadata_url=f"{ISSUER}/gone")
    assert caught.value.status == 404
    assert site.asked == [(f"{ISSUER}/gone", True)]


UNNAMED = f"{OPENID} names no introspection_endpoint: "
FOREIGN = (
    f"{OPENID} names the introspection endpoint 'https://evil.test/', which is not of "
    "the issuer's origin; ENDPOINT can name it"
)


@pytest.mark.parametrize(
    ("members", "second", "code", "words"),
    [
        pytest.param(
            GOOD, FetchError("timeout"), "no_introspection_endpoint", UNNAMED, id="down"
        ),
        pytest.param(
            GOOD,
            document(url=RFC_8414),
            "no_introspection_endpoint",
            UNNAMED.replace(OPENID, RFC_8414),
            id="in-neither",
        ),
        pytest.param(
            {**GOOD, "introspection_endpoint": "https://evil.test/"},
            None,
            "foreign_endpoint",
            FOREIGN,
            id="foreign",
        ),
    ],
)
def test_no_endpoint_for_questions_that_can_be_believed(members, second, code, words):
    site = Site({OPENID: document(members), RFC_8414: second})
    with pytest.raises(MetadataError) as caught:
        discover_introspection(site, issuer=ISSUER)
    assert caught.value.code == code
    assert str(caught.value).startswith(words)
