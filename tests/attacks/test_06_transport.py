"""Catalogue, section 6: on the way to the issuer. Real sockets, loopback alone."""

from __future__ import annotations

import gzip
import json
import zlib

import certifi
import pytest
from django.core.checks import run_checks

from tests.attacks.harness import EVIL
from tests.attacks.sites import METADATA, Site, assert_failed, metadata, stored
from tests.core.builders import ISSUER, key
from tests.core.faults.crafting import MILLION
from tests.core.servers import (
    PUBLIC,
    PUBLIC_2,
    answer,
    drip,
    flood,
    send_and_wait,
)
from tests.settings_faults import issuer as settings_of_issuer

pytestmark = [pytest.mark.urls("tests.attacks.apis"), pytest.mark.django_db]

HEAD = b"HTTP/1.1 200 OK\r\n"
JWKS = json.dumps({"keys": [key().public_jwk()]}).encode()


@pytest.fixture
def start(tmp_path, monkeypatch):
    """Return the function that starts a site."""
    sites = []

    def start(**tls):
        sites.append(Site(tmp_path, monkeypatch, **tls))
        return sites[-1]

    yield start
    for site in sites:
        site.server.stop()


@pytest.fixture
def site(start):
    return start()


def leads_to(url):
    return {METADATA: answer(metadata(jwks_uri=url))}


def redirects(path, location, status="302 Found"):
    return {path: answer(status=status, headers=[f"Location: {location}"])}


def jwks_is(data):
    return {"/jwks": data}


def encoded(coding, body):
    return jwks_is(answer(body, headers=[f"Content-Encoding: {coding}"]))


BIG_SET = json.dumps({"keys": [key().public_jwk()] * 3000}).encode()

# name -> (pages that change, code of the failure)
PAGES = {
    **{
        f"A109-jwks_uri-{name}": (leads_to(url), "insecure_url")
        for name, url in {
            "http": "http://keys.test/jwks",
            "http-own-host": "http://issuer.test/jwks",
            "upper-case": "HTTP://keys.test/jwks",
            "ftp": "ftp://keys.test/jwks",
            "relative": "/jwks",
            "no-scheme": "//keys.test/jwks",
            "userinfo": f"https://issuer.test@{EVIL}.test/jwks",
        }.items()
    },
    **{
        f"A109-redirect-to-http-{status}": (
            redirects("/jwks", "http://keys.test/jwks", f"{status} X"),
            "redirect",
        )
        for status in (301, 302, 303, 307, 308)
    },
    "A109-metadata-redirects-to-http": (
        redirects(METADATA, "http://issuer.test/metadata"),
        "redirect",
    ),
    **{
        f"A110-{name}": (redirects("/jwks", location), "redirect")
        for name, location in {
            "loopback": "https://127.0.0.1/jwks",
            "cloud-metadata": "http://169.254.169.254/latest/meta-data",
            "file": "file:///etc/passwd",
            "gopher": "gopher://127.0.0.1:6379/_x",
            "same-host": f"{ISSUER}/other",
            "other-host": "https://keys.test/jwks",
            "endless": f"{ISSUER}/jwks",
            "malformed": "http://[",
            "none": "",
        }.items()
    },
    "A110-metadata": (redirects(METADATA, "https://127.0.0.1/metadata"), "redirect"),
    "A122-announced": (
        jwks_is(send_and_wait(HEAD + b"Content-Length: 100000000\r\n\r\n")),
        "too_large",
    ),
    "A122-endless-chunks": (
        jwks_is(
            flood(
                HEAD + b"Transfer-Encoding: chunked\r\n\r\n",
                b"ffff\r\n%b\r\n" % (b" " * 65535),
            )
        ),
        "too_large",
    ),
    "A122-endless-without-length": (
        jwks_is(flood(HEAD + b"\r\n", b" " * 65536)),
        "too_large",
    ),
    "A122-endless-header": (
        jwks_is(flood(HEAD, b"X: " + b"y" * 60000 + b"\r\n")),
        "too_large",
    ),
    "A122-many-keys-in-bytes": (jwks_is(answer(BIG_SET)), "too_large"),
    "A122-a-million-keys": (
        jwks_is(answer(b'{"keys":[' + b"{}," * MILLION + b"{}]}")),
        "too_large",
    ),
    "A122-101-keys": (
        jwks_is(answer(json.dumps({"keys": [key().public_jwk()] * 101}).encode())),
        "too_many_keys",
    ),
    "A122-metadata": (
        {METADATA: answer(metadata(x="x" * 300_000))},
        "too_large",
    ),
    "A123-gzip": (
        encoded("gzip", gzip.compress(bytes(20 * MILLION))),
        "too_large",
    ),
    "A123-gzip-members": (
        encoded("gzip", gzip.compress(b" " * 200_000) * 10),
        "too_large",
    ),
    "A123-gzip-empty-members": (
        encoded("gzip", gzip.compress(b"") * 5000),
        "content_encoding",
    ),
    "A123-gzip-twice": (
        encoded("gzip, gzip", gzip.compress(gzip.compress(bytes(MILLION)))),
        "content_encoding",
    ),
    "A123-deflate": (
        encoded("deflate", zlib.compress(bytes(MILLION))),
        "content_encoding",
    ),
    "A123-brotli": (encoded("br", b"\xcf\xff\xff\x7f\xf8" * 9), "content_encoding"),
    "A123-zstd": (encoded("zstd", b"(\xb5/\xfd"), "content_encoding"),
    "A123-cut-off": (encoded("gzip", gzip.compress(JWKS)[:-4]), "content_encoding"),
    "A123-not-gzip": (encoded("gzip", JWKS), "content_encoding"),
    "A125-login-page": (
        jwks_is(answer(b"<html>Log in", headers=["Content-Type: text/html"])),
        "content_type",
    ),
    "A125-set-as-html": (
        jwks_is(answer(JWKS, headers=["Content-Type: text/html; charset=utf-8"])),
        "content_type",
    ),
    "A125-xhtml": (
        jwks_is(answer(JWKS, headers=["Content-Type: application/xhtml+xml"])),
        "content_type",
    ),
    "A125-html-as-json": (jwks_is(answer(b"<html>Log in")), "not_json"),
    "A125-utf-16": (
        jwks_is(
            answer(
                JWKS.decode().encode("utf-16"),
                headers=["Content-Type: application/json; charset=utf-16"],
            )
        ),
        "not_json",
    ),
    "A125-metadata-page": (
        {METADATA: answer(b"<html>", headers=["Content-Type: text/html"])},
        "content_type",
    ),
    "A125-nothing": (jwks_is(answer(b"")), "not_json"),
    "A125-cut-off": (jwks_is(answer(JWKS)[:-9]), "protocol"),
    "A125-no-HTTP": (jwks_is(b"SSH-2.0-OpenSSH_9.9\r\n\r\n"), "protocol"),
}


@pytest.mark.parametrize("row", PAGES)
def test_a_bad_page_leaves_the_keys(row, site):
    pages, code = PAGES[row]
    before = site.sync_well()
    site.pages.update(pages)
    assert_failed(site.sync(), code, before)
    # Nobody was asked but the issuer, at its own address.
    assert set(site.network.dialled) == {PUBLIC}
    assert set(site.paths) <= {
        METADATA,
        "/.well-known/oauth-authorization-server",
        "/jwks",
    }


# Hosts that a system's resolver takes to the inside, whatever they look like.
EXOTIC = {
    "0.0.0.0": ["0.0.0.0"],
    "[::ffff:127.0.0.1]": ["::ffff:127.0.0.1"],
    "[::1]": ["::1"],
    "[64:ff9b::7f00:1]": ["64:ff9b::7f00:1"],
    "[fd00::1]": ["fd00::1"],
    "[fe80::1]": ["fe80::1"],
    "2130706433": ["127.0.0.1"],
    "0x7f000001": ["127.0.0.1"],
    "0177.0.0.1": ["127.0.0.1"],
    "127.1": ["127.0.0.1"],
    "localhost": ["127.0.0.1"],
    "localhost.": ["127.0.0.1"],
    "127.0.0.1.nip.io": ["127.0.0.1"],
    "10.0.0.1.nip.io": ["10.0.0.1"],
    "169.254.169.254": ["169.254.169.254"],
    "metadata.google.internal": ["169.254.169.254"],
    "168.63.129.16": ["168.63.129.16"],
    "100.64.0.1": ["100.64.0.1"],
    "intranet": ["10.1.2.3", "fd00::2"],
}


@pytest.mark.parametrize(
    "host", [pytest.param(host, id=f"A112-{host}") for host in EXOTIC]
)
def test_a_public_document_leads_to_no_private_address(host, site):
    before = site.sync_well()
    site.network.names[host.strip("[]")] = EXOTIC[host]
    site.pages.update(leads_to(f"https://{host}/jwks"))
    assert_failed(site.sync(), "private_address", before)
    assert site.network.dialled == [PUBLIC]
    assert site.paths == [METADATA]


@pytest.mark.parametrize(
    "url",
    [
        pytest.param(url, id=f"A112-{name}")
        for name, url in {
            "fullwidth": "https://\uff11\uff12\uff17.0.0.1/jwks",
            "circled": "https://\u2460\u2461\u2466.0.0.1/jwks",
            "backslash": "https://issuer.test\\@127.0.0.1/jwks",
            "blank": "https://issuer.test /jwks",
            "newline": "https://issuer.test/jwks\r\nHost: x",
            "port": "https://issuer.test:99999/jwks",
            "ipv6-zone": "https://[fe80::1%25eth0]/jwks",
            "brackets": "https://[127.0.0.1]/jwks",
            "long": f"https://issuer.test/{'x' * 3000}",
            "data": "data:application/json,{}",
            "fragment": "https://issuer.test/jwks#x",
        }.items()
    ],
)
def test_two_parsers_never_disagree_about_a_host(url, site):
    before = site.sync_well()
    site.pages.update(leads_to(url))
    assert_failed(site.sync(), "insecure_url", before)
    assert set(site.looked_up) == {"issuer.test"}


# Addresses of keys.test at each look-up -> code of the failure, or None.
REBINDINGS = {
    "A111-private-at-once": ([["127.0.0.1"]], "private_address"),
    "A111-private-second": ([[PUBLIC_2], ["127.0.0.1"]], None),
    "A111-both-in-one-answer": ([["127.0.0.1", PUBLIC_2, "10.0.0.1"]], None),
    "A111-private-of-both-kinds": ([["::1", "169.254.169.254"]], "private_address"),
}


@pytest.mark.parametrize("row", REBINDINGS)
def test_only_a_vetted_address_is_dialled(row, site):
    answers, code = REBINDINGS[row]
    before = site.sync_well()
    site.pages.update(leads_to("https://keys.test/jwks"))
    answers = list(answers)

    def rebind():
        if site.network.resolved[-1] == "keys.test":
            site.network.names["keys.test"] = answers.pop(0)

    site.network.on_resolve = rebind
    done = site.sync()
    if code is None:
        # What was looked up once is what is dialled: nothing is looked up again.
        assert done.code == 0
        assert site.network.dialled == [PUBLIC, PUBLIC_2]
        assert site.network.resolved.count("keys.test") == 1
    else:
        assert_failed(done, code, before)
        assert site.network.dialled == [PUBLIC]


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(
            drip(HEAD + b"Content-Length: 9999\r\n\r\n", b" "), id="A124-body"
        ),
        pytest.param(drip(HEAD, b"X: y\r\n"), id="A124-headers"),
        pytest.param(drip(b"", b"x"), id="A124-status-line"),
        pytest.param(
            drip(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
            id="A124-chunks",
        ),
        pytest.param(send_and_wait(), id="A124-silence"),
    ],
)
def test_a_slow_answer_ends_at_the_deadline(script, site):
    before = site.sync_well()
    site.pages["/jwks"] = script
    done = site.sync(TOTAL_TIMEOUT=0.3)
    assert_failed(done, "timeout", before)


@pytest.mark.parametrize(
    "tls",
    [
        pytest.param({"self_signed": True}, id="A133-self-signed"),
        pytest.param({"hosts": ("other.test",)}, id="A133-wrong-host"),
        pytest.param({"hosts": ("issuer.test.evil.test",)}, id="A133-longer-host"),
        pytest.param({"hosts": ()}, id="A133-no-host"),
        pytest.param({"days": -1}, id="A133-expired"),
    ],
)
def test_a_bad_certificate_is_no_issuer(tls, start):
    site = start()
    before = site.sync_well()
    other = start(**tls)
    done = other.sync()
    assert_failed(done, "tls", before)
    assert other.server.requests == []


@pytest.mark.parametrize(
    "bundle", [pytest.param(certifi.where(), id="A133-unknown-authority")]
)
def test_an_authority_nobody_trusts_vouches_for_nobody(bundle, site):
    before = site.sync_well()
    done = site.sync(CA_BUNDLE=bundle)
    assert_failed(done, "tls", before)
    assert site.server.requests == []


@pytest.mark.parametrize(
    "variables",
    [
        pytest.param(("HTTPS_PROXY", "https_proxy"), id="A134-https-proxy"),
        pytest.param(("ALL_PROXY", "all_proxy"), id="A134-all-proxy"),
        pytest.param(("NETRC",), id="A134-netrc"),
        pytest.param(("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"), id="A134-bundle"),
    ],
)
def test_the_environment_has_no_say(variables, site, tmp_path, monkeypatch):
    netrc = tmp_path / "netrc"
    netrc.write_text("default login somebody password secret")
    for name in variables:
        proxy = f"http://{EVIL}.test:3128"
        monkeypatch.setenv(name, str(netrc) if "PROXY" not in name.upper() else proxy)
    site.sync_well()
    site.sync()
    assert site.looked_up == ["issuer.test"] * 2
    assert not any("authorization" in head.lower() for head in site.server.requests)


@pytest.mark.parametrize("header", [pytest.param("Set-Cookie", id="A134-cookie")])
def test_cookies_are_not_sent_back(header, site):
    site.pages[METADATA] = answer(metadata(), headers=[f"{header}: a=b; Path=/"])
    site.sync_well()
    site.sync()
    assert len(site.server.requests) == 2
    assert not any("cookie" in head.lower() for head in site.server.requests)
    assert stored()[0]["version"] == 2


@pytest.mark.parametrize(
    "keys",
    [
        pytest.param({"ISSUER": "http://issuer.test"}, id="A109-issuer"),
        pytest.param({"JWKS_URI": "http://issuer.test/jwks"}, id="A109-JWKS_URI"),
        pytest.param({"METADATA_URL": "http://issuer.test/m"}, id="A109-METADATA_URL"),
    ],
)
def test_settings_name_no_plain_http(keys, settings):
    settings.OIDC_RS = settings_of_issuer(**keys)
    assert "django_oidc_rs.E013" in [problem.id for problem in run_checks()]
