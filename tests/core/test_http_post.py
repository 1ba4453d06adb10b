"""Requests with secrets in them: what is sent, to whom, and what never shows."""

from __future__ import annotations

import gzip
import inspect
import logging
import ssl
import threading
import traceback

import pytest
from requests.adapters import HTTPAdapter
from requests.utils import DEFAULT_CA_BUNDLE_PATH

from django_oidc_rs import __version__
from django_oidc_rs.core.http import (
    FetchedDocument,
    FetchError,
    HttpClient,
    HttpPolicy,
    Post,
)

from .servers import PATIENCE, answer, chunked, drip, flood, send, send_and_wait

ACTIVE = b'{"active":true}'
HEADERS = {
    "Authorization": "Basic c2VjcmV0OnNlY3JldA==",
    "Content-Type": "application/x-www-form-urlencoded",
    "Accept": "application/token-introspection+jwt",
}
BODY = b"token=s%2Becret.\xc3\xbc&client_secret=%25"
# What no text may hold of the above, in whatever writing.
SECRETS = ("c2VjcmV0", "s%2Becret", "s+ecret", "client_secret")
HEAD = b"HTTP/1.1 200 OK\r\n"


def post(url, *, body=BODY, headers=HEADERS, trusted=True, certificate=None, **policy):
    return HttpClient(HttpPolicy(**policy)).post(
        url,
        body=body,
        headers=headers,
        trusted_address=trusted,
        certificate=certificate,
    )


def post_error(url, **options):
    """Return why there is no answer; its text and all that hangs on it are discreet."""
    with pytest.raises(FetchError) as failed:
        post(url, **options)
    error = failed.value
    text = "".join(traceback.format_exception(error)) + repr(error) + repr(vars(error))
    assert not any(secret in text for secret in SECRETS)
    assert error.__cause__ is None
    assert error.__context__ is None or type(error.__context__) is TimeoutError
    return error


# What is asked


def test_the_client_has_the_signature_of_the_protocol():
    assert inspect.signature(HttpClient.post) == inspect.signature(Post.__call__)


def test_an_answer_is_a_document(serve):
    server = serve(answer(ACTIVE))
    assert post(server.url("/introspect")) == FetchedDocument(
        url=server.url("/introspect"),
        status=200,
        body=ACTIVE,
        headers={"content-type": "application/json", "content-length": "15"},
        public_address=False,
    )


def test_body_and_headers_are_sent_as_given(serve):
    server = serve(answer(ACTIVE))
    post(server.url("/introspect?a=b%20c"))
    first, *lines = server.requests[0].split("\r\n")
    assert first == "POST /introspect?a=b%20c HTTP/1.1"
    assert sorted(line for line in lines if line) == [
        "Accept-Encoding: identity",
        "Accept: application/token-introspection+jwt",
        "Authorization: Basic c2VjcmV0OnNlY3JldA==",
        f"Content-Length: {len(BODY)}",
        "Content-Type: application/x-www-form-urlencoded",
        f"Host: 127.0.0.1:{server.port}",
        f"User-Agent: django-oidc-rs/{__version__}",
    ]
    assert server.bodies == [BODY]


def test_an_empty_body_is_a_post_as_well(serve):
    server = serve(answer(ACTIVE))
    post(server.url(), body=b"")
    assert server.requests[0].startswith("POST ")
    assert server.bodies == [b""]


def test_neither_netrc_nor_the_environments_proxy_is_asked(
    serve, monkeypatch, tmp_path
):
    server, proxy = serve(answer(ACTIVE)), serve(answer(ACTIVE))
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else")
    monkeypatch.setenv("NETRC", str(netrc))
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, proxy.url(""))
    post(server.url(), headers={})
    assert "authorization" not in server.requests[0].lower()
    assert proxy.requests == []


def test_cookies_are_not_kept(serve):
    server = serve(answer(ACTIVE, headers=["Set-Cookie: a=b; Path=/"]))
    client = HttpClient(HttpPolicy())
    for _ in range(2):
        client.post(server.url(), body=BODY, headers=HEADERS, trusted_address=True)
    assert "cookie" not in server.requests[1].lower()


@pytest.mark.parametrize(
    "url",
    [
        "http://idp.example.com/introspect",
        "https://user:word@idp.example.com/introspect",
        "https://idp.example.com/introspect#x",
        "file:///introspect",
    ],
)
def test_secrets_travel_over_https_alone(url):
    with pytest.raises(FetchError) as refused:
        post(url)
    assert refused.value.code == "insecure_url"
    assert "word" not in str(refused.value)


def test_an_address_from_a_document_may_not_be_private(serve):
    server = serve(reads_request=False)
    assert post_error(server.url(), trusted=False).code == "private_address"
    assert not server.was_called()


# What is answered


@pytest.mark.parametrize("status", [300, 301, 302, 303, 305, 307, 308])
def test_a_redirect_is_refused_and_nothing_is_sent_again(status, serve):
    target = serve(reads_request=False)
    server = serve(answer(status=f"{status} X", headers=[f"Location: {target.url()}"]))
    error = post_error(server.url())
    assert (error.code, error.status, error.retryable) == ("redirect", None, False)
    assert len(server.requests) == 1
    assert not target.was_called()


@pytest.mark.parametrize(
    ("status", "headers", "retry_after", "retryable"),
    [
        ("201 Created", [], None, False),
        ("204 No Content", [], None, False),
        ("304 Not Modified", [], None, False),
        ("400 Bad Request", [], None, False),
        ("401 Unauthorized", ['WWW-Authenticate: Basic realm="x"'], None, False),
        ("403 Forbidden", [], None, False),
        ("429 Too Many Requests", [], None, False),
        ("429 Too Many Requests", ["Retry-After: 7"], 7, False),
        ("429 Too Many Requests", ["Retry-After: 3600"], 60, False),
        ("429 Too Many Requests", ["Retry-After: soon"], None, False),
        (
            "429 Too Many Requests",
            ["Retry-After: Fri, 31 Dec 1999 23:59:59 GMT"],
            1,
            False,
        ),
        (
            "503 Service Unavailable",
            ["Retry-After: Fri, 31 Dec 9999 23:59:59 GMT"],
            60,
            True,
        ),
        ("500 Internal Server Error", [], None, False),
        ("502 Bad Gateway", [], None, True),
        ("503 Service Unavailable", ["Retry-After: 0"], 1, True),
    ],
)
def test_another_status_is_a_failure(status, headers, retry_after, retryable, serve):
    server = serve(answer(BODY, status=status, headers=headers))
    error = post_error(server.url())
    assert (error.code, error.status) == ("status", int(status[:3]))
    assert (error.retry_after, error.retryable) == (retry_after, retryable)
    assert len(server.requests) == 1


def test_a_post_has_no_condition_that_304_could_answer(serve):
    server = serve(answer(b"", status="304 Not Modified"))
    headers = {**HEADERS, "If-None-Match": '"1"', "If-Modified-Since": "x"}
    assert post_error(server.url(), headers=headers).status == 304


@pytest.mark.parametrize(
    ("script", "code"),
    [
        (send(answer(BODY, headers=["Content-Type: text/html"])), "content_type"),
        (send(answer(b"x" * 1001)), "too_large"),
        (send(chunked(b"x" * 1000, b"x")), "too_large"),
        (flood(HEAD + b"\r\n", b"x" * 65536), "too_large"),
        (
            send(
                answer(gzip.compress(b"x" * 1001), headers=["Content-Encoding: gzip"])
            ),
            "too_large",
        ),
        (send(answer(BODY, headers=["Content-Encoding: gzip"])), "content_encoding"),
        (
            send(answer(headers=["Content-Encoding: client_secret"])),
            "content_encoding",
        ),
        (send(b"HTTP/1.1 " + BODY + b"\r\n\r\n"), "protocol"),
        (send(BODY + b"\r\n\r\n"), "protocol"),
        (send(HEAD + b"Content-Length: 99\r\n\r\n" + BODY), "protocol"),
        (send(b""), "connect"),
    ],
    ids=[
        "page",
        "length",
        "chunked",
        "endless",
        "gzip-bomb",
        "no-gzip",
        "coding-repeats-secret",
        "status-repeats-secret",
        "line-repeats-secret",
        "cut-off",
        "nothing",
    ],
)
def test_a_bad_answer_is_a_failure_that_repeats_nothing(script, code, serve):
    server = serve(script)
    error = post_error(server.url(), max_bytes=1000, total_timeout=PATIENCE)
    assert error.code == code
    server.stop()
    assert server.bodies == [BODY]


def test_gzip_is_decoded(serve):
    coded = answer(gzip.compress(ACTIVE), headers=["Content-Encoding: gzip"])
    assert post(serve(coded).url()).body == ACTIVE


@pytest.mark.parametrize(
    "script",
    [send_and_wait(), drip(b"", b"x"), drip(HEAD + b"\r\n", b"x")],
    ids=["silence", "status-line", "body"],
)
def test_a_slow_answer_ends_at_the_deadline(script, serve):
    server = serve(script)
    error = post_error(server.url(), total_timeout=0.3, read_timeout=PATIENCE)
    assert (error.code, error.retryable) == ("timeout", False)
    server.stop()


def test_silence_is_a_timeout_before_the_deadline(serve):
    server = serve(send_and_wait())
    error = post_error(server.url(), total_timeout=PATIENCE, read_timeout=0.1)
    assert error.code == "timeout"
    server.stop()


def test_without_threads_there_is_no_answer(serve, monkeypatch):
    server = serve(reads_request=False)

    def start(thread):
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", start)
        with pytest.raises(FetchError) as failed:
            post(server.url())
    assert failed.value.code == "connect"
    assert not server.was_called()


# What never shows


@pytest.mark.parametrize("value", ["Basic c2VjcmV0\r\nX: y", "Basic c2VjcmV0\u20ac"])
def test_a_header_that_cannot_be_sent_is_not_quoted(value, serve):
    error = post_error(serve().url(), headers={"Authorization": value})
    assert error.code == "protocol"


def test_failures_hold_no_frames_of_the_exchange(serve):
    """Error reporters send the local variables of every frame they find."""
    error = post_error(serve(answer(status="500 X")).url())
    functions = [
        frame.f_code.co_name for frame, _ in traceback.walk_tb(error.__traceback__)
    ]
    assert "_await" in functions
    assert "_perform" not in functions


def test_nothing_of_the_request_is_logged(serve, caplog):
    caplog.set_level(logging.DEBUG)
    post(serve(answer(ACTIVE)).url())
    post_error(serve(answer(status="401 Unauthorized")).url())
    post_error(serve(b"").url())
    assert not any(secret in caplog.text for secret in SECRETS)


# The client's certificate


def mutual(serve, authority, script=None):
    tls = authority.server_context("127.0.0.1", clients=ssl.CERT_REQUIRED)
    return serve(script or answer(ACTIVE), tls=tls)


@pytest.mark.parametrize("together", [True, False], ids=["one-file", "two-files"])
def test_the_client_shows_its_certificate(together, serve, authority, tmp_path):
    server = mutual(serve, authority)
    certificate, key = authority.client_certificate(tmp_path)
    shown = ssl.PEM_cert_to_DER_cert(certificate.read_text())
    if together:
        certificate.write_bytes(certificate.read_bytes() + key.read_bytes())
    document = post(
        server.url(scheme="https"),
        ca_bundle=str(authority.bundle),
        certificate=(str(certificate), None if together else str(key)),
    )
    assert document.body == ACTIVE
    assert server.certificates == [shown]
    assert server.bodies == [BODY]


def test_without_certificate_the_server_hangs_up(serve, authority):
    server = mutual(serve, authority)
    error = post_error(server.url(scheme="https"), ca_bundle=str(authority.bundle))
    assert error.code in {"tls", "connect"}
    assert server.requests == []


def test_the_certificate_is_shown_to_nobody_else(serve, authority, tmp_path):
    """One client, one process: what a POST shows, a later request does not."""
    tls = authority.server_context("127.0.0.1", clients=ssl.CERT_OPTIONAL)
    server = serve(answer(ACTIVE), tls=tls)
    files = map(str, authority.client_certificate(tmp_path))
    client = HttpClient(HttpPolicy(ca_bundle=str(authority.bundle)))
    url = server.url(scheme="https")
    client.post(
        url, body=BODY, headers={}, trusted_address=True, certificate=tuple(files)
    )
    client.post(url, body=BODY, headers={}, trusted_address=True)
    client(url, trusted_address=True)
    server.stop()
    assert [shown is not None for shown in server.certificates] == [True, False, False]


def test_the_tls_context_that_requests_shares_is_not_used(serve, monkeypatch):
    """With ``verify=True``, 2.32.4 would load a client's certificate into it."""
    seen, send_really = [], HTTPAdapter.send

    def send(adapter, request, **options):
        seen.append(options["verify"])
        return send_really(adapter, request, **options)

    monkeypatch.setattr(HTTPAdapter, "send", send)
    post(serve(answer(ACTIVE)).url())
    assert seen == [DEFAULT_CA_BUNDLE_PATH]


def test_the_servers_certificate_is_verified_before_anything_is_sent(
    serve, authority, stranger, tmp_path
):
    tls = stranger.server_context("127.0.0.1", clients=ssl.CERT_OPTIONAL)
    server = serve(answer(ACTIVE), tls=tls)
    error = post_error(
        server.url(scheme="https"),
        ca_bundle=str(authority.bundle),
        certificate=tuple(map(str, authority.client_certificate(tmp_path))),
    )
    assert error.code == "tls"
    assert server.was_called()
    assert (server.requests, server.certificates) == ([], [])


@pytest.mark.parametrize(
    "fault",
    [
        "no-certificate",
        "no-key",
        "empty",
        "text",
        "folder",
        "key-of-another",
        "encrypted",
        "encrypted-in-one-file",
    ],
)
def test_a_certificate_that_cannot_be_used_is_a_tls_failure(
    fault, serve, authority, stranger, tmp_path
):
    password = b"word" if fault.startswith("encrypted") else None
    certificate, key = authority.client_certificate(tmp_path, password=password)
    if fault == "no-certificate":
        certificate.unlink()
    elif fault == "no-key":
        key.unlink()
    elif fault == "empty":
        certificate.write_text("")
    elif fault == "text":
        key.write_text("no PEM")
    elif fault == "folder":
        key = tmp_path
    elif fault == "key-of-another":
        (tmp_path / "other").mkdir()
        key = stranger.client_certificate(tmp_path / "other")[1]
    elif fault == "encrypted-in-one-file":
        certificate.write_bytes(certificate.read_bytes() + key.read_bytes())
        key = None
    server = mutual(serve, authority)
    error = post_error(
        server.url(scheme="https"),
        ca_bundle=str(authority.bundle),
        certificate=(str(certificate), key and str(key)),
        total_timeout=PATIENCE,
    )
    assert (error.code, error.retryable) == ("tls", False)
    assert server.requests == []
