"""The HTTP client against real servers on loopback that answer well and badly."""

from __future__ import annotations

import contextlib
import gzip
import socket
import ssl
import threading
import traceback
import zlib

import pytest

from django_oidc_rs import __version__
from django_oidc_rs.core.http import (
    FetchedDocument,
    FetchError,
    HttpClient,
    HttpPolicy,
    check_url,
)

from .servers import (
    DOCUMENT,
    PATIENCE,
    PUBLIC,
    PUBLIC_2,
    Network,
    answer,
    chunked,
    drip,
    flood,
    read_head,
    send,
    send_and_wait,
)


@pytest.fixture
def network(monkeypatch):
    network = Network()
    monkeypatch.setattr(socket, "getaddrinfo", network.getaddrinfo)
    monkeypatch.setattr(socket, "create_connection", network.create_connection)
    return network


def fetch(url, *, trusted_address=True, headers=None, **policy):
    return HttpClient(HttpPolicy(**policy))(
        url, trusted_address=trusted_address, headers=headers or {}
    )


def fetch_error(url, **options):
    with pytest.raises(FetchError) as failed:
        fetch(url, **options)
    return failed.value


# What is asked


def test_a_document_is_fetched(serve):
    server = serve(answer(headers=["Content-Type: application/json", 'ETag: "1"']))
    assert fetch(server.url()) == FetchedDocument(
        url=server.url(),
        status=200,
        body=DOCUMENT,
        headers={
            "content-type": "application/json",
            "content-length": str(len(DOCUMENT)),
            "etag": '"1"',
        },
        public_address=False,
    )


def test_the_request_holds_nothing_but_what_it_needs(serve):
    server = serve()
    fetch(server.url("/realms/a%20b?c=d"))
    first, *lines = server.requests[0].split("\r\n")
    assert first == "GET /realms/a%20b?c=d HTTP/1.1"
    assert sorted(line.lower() for line in lines if line) == [
        "accept-encoding: identity",
        "accept: application/json, application/jwk-set+json",
        f"host: 127.0.0.1:{server.port}",
        f"user-agent: django-oidc-rs/{__version__}",
    ]


def test_what_is_sent_in_pieces_does_not_wait_for_acknowledgements(serve, network):
    options = []

    def look(connection):
        used = network.connections[-1]
        options.append(used.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        send(answer())(connection)

    fetch(serve(look).url())
    (option,) = options
    assert option != 0


def test_the_environment_is_not_asked(serve, monkeypatch, tmp_path):
    server, proxy = serve(), serve()
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password secret")
    monkeypatch.setenv("NETRC", str(netrc))
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, proxy.url(""))
        monkeypatch.setenv(name.lower(), proxy.url(""))
    fetch(server.url())
    assert "authorization" not in server.requests[0].lower()
    assert proxy.requests == []


def test_cookies_are_not_kept(serve):
    server = serve(answer(headers=["Set-Cookie: a=b; Path=/"]))
    client = HttpClient(HttpPolicy())
    client(server.url(), trusted_address=True)
    client(server.url(), trusted_address=True)
    assert "cookie" not in server.requests[1].lower()


def test_headers_of_the_caller_replace_ours(serve):
    server = serve()
    fetch(server.url(), headers={"accept": "application/jwt"})
    assert server.requests[0].lower().count("accept:") == 1
    assert "application/jwt" in server.requests[0]


def test_a_header_that_cannot_be_sent_is_a_failure(serve):
    error = fetch_error(serve().url(), headers={"If-None-Match": "a\r\nX: y"})
    assert (error.code, error.retryable) == ("protocol", False)


@pytest.mark.parametrize(
    "url",
    [
        "https://idp.example.com/x",
        "http://localhost/x",
        "http://LOCALHOST:8000/x",
        "http://127.0.0.1/x",
        "http://127.1.2.3:8000/x",
        "http://[::1]:8000/x",
        "http://idp.test/x",
        "http://IDP.test/x",
        "http://[fd00::1]/x",
    ],
)
def test_https_and_plain_http_to_loopback_or_listed_hosts_may_be_asked(url):
    policy = HttpPolicy(allow_insecure=frozenset(("Idp.test", "[FD00::1]")))
    check_url(url, policy)


@pytest.mark.parametrize(
    "url",
    [
        "http://idp.example.com/x",
        "http://sub.idp.test/x",
        "http://localhost./x",
        "http://127.1/x",
        "http://2130706433/x",
        "http://0.0.0.0/x",
        "http://[::ffff:127.0.0.1]/x",
        "http://10.0.0.1/x",
        "http://127.0.0.1.nip.io/x",
        "https://user:secret@idp.example.com/x",
        "https://idp.example.com/x#y",
        "https://idp.example.com:99999/x",
        "https://b\u00fccher.example/",
        "https://idp.example.com/\x1b[31m\r\n",
        "file:///etc/passwd",
        "",
    ],
)
def test_any_other_url_is_refused(url, network):
    policy = HttpPolicy(allow_insecure=frozenset(("idp.test",)))
    with pytest.raises(FetchError) as refused:
        check_url(url, policy)
    assert refused.value.code == "insecure_url"
    assert not refused.value.retryable
    assert "secret" not in str(refused.value)
    assert str(refused.value).isprintable()
    assert fetch_error(url).code == "insecure_url"
    assert network.resolved == []


# Who answers


def test_a_url_from_settings_may_lead_anywhere(serve, network):
    network.names["idp.test"] = ["10.0.0.1"]
    network.machines["10.0.0.1"] = serve().port
    document = fetch("http://idp.test/", allow_insecure=frozenset(("idp.test",)))
    assert document.public_address is False


def test_a_url_from_a_document_may_lead_to_a_public_address(serve, network):
    network.names["idp.test"] = [PUBLIC]
    network.machines[PUBLIC] = serve().port
    document = fetch(
        "http://idp.test/",
        trusted_address=False,
        allow_insecure=frozenset(("idp.test",)),
    )
    assert document.public_address is True


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_url_from_a_document_may_not_lead_to_loopback(host, serve):
    server = serve(reads_request=False)
    error = fetch_error(server.url(host=host), trusted_address=False)
    assert (error.code, error.retryable) == ("private_address", False)
    assert not server.was_called()


@pytest.mark.parametrize(
    "host",
    [
        "10.0.0.1",
        "169.254.169.254",
        "0.0.0.0",
        "[::]",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[fd00::1]",
        "2130706433",
        "127.1",
        "0x7f.1",
        "localhost.",
    ],
)
def test_spellings_of_private_addresses_are_refused(host, network):
    error = fetch_error(f"https://{host}/", trusted_address=False)
    # Some systems' resolvers know no such spelling.
    assert error.code in {"private_address", "dns"}
    assert network.dialled == []


def test_only_vetted_addresses_are_dialled(serve, network):
    network.names["idp.test"] = ["127.0.0.1", PUBLIC, "10.0.0.1", PUBLIC_2]
    network.machines[PUBLIC] = ConnectionRefusedError()
    network.machines[PUBLIC_2] = serve().port
    fetch(
        "http://idp.test/",
        trusted_address=False,
        allow_insecure=frozenset(("idp.test",)),
    )
    assert network.dialled == [PUBLIC, PUBLIC_2]
    assert network.resolved.count("idp.test") == 1


def test_a_name_of_private_addresses_is_refused(network):
    network.names["idp.test"] = ["127.0.0.1", "10.0.0.1"]
    error = fetch_error("https://idp.test/", trusted_address=False)
    assert error.code == "private_address"
    assert network.dialled == []


def test_a_listed_host_may_have_a_private_address(serve):
    server = serve()
    document = fetch(
        server.url(),
        trusted_address=False,
        allow_private_addresses=frozenset(("127.0.0.1",)),
    )
    assert (document.status, document.public_address) == (200, False)


def test_a_name_without_address_is_a_failure(network):
    def fail():
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    network.on_resolve = fail
    error = fetch_error("https://idp.test/")
    assert (error.code, error.retryable) == ("dns", False)


@pytest.mark.parametrize("host", ["a" * 64 + ".test", "a..test", "a" * 300])
def test_a_name_that_cannot_exist_is_a_failure(host):
    assert fetch_error(f"https://{host}/").code in {"dns", "protocol"}


def test_a_closed_port_is_a_connect_error():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    error = fetch_error(f"http://127.0.0.1:{port}/")
    assert (error.code, error.retryable) == ("connect", True)


def test_a_silent_address_is_a_timeout(network):
    network.names["idp.test"] = [PUBLIC]
    network.machines[PUBLIC] = TimeoutError("timed out")
    error = fetch_error("https://idp.test/")
    assert (error.code, error.retryable) == ("timeout", False)


# What is answered


@pytest.mark.parametrize("header", ["If-None-Match", "if-modified-since"])
def test_not_modified_answers_a_condition(header, serve):
    server = serve(answer(b"", status="304 Not Modified", headers=['ETag: "1"']))
    document = fetch(server.url(), headers={header: '"1"'})
    assert (document.status, document.body) == (304, b"")
    assert document.headers["etag"] == '"1"'
    assert header in server.requests[0]


@pytest.mark.parametrize(
    ("status", "retryable"),
    [
        ("201 Created", False),
        ("204 No Content", False),
        ("206 Partial Content", False),
        ("304 Not Modified", False),
        ("400 Bad Request", False),
        ("401 Unauthorized", False),
        ("404 Not Found", False),
        ("429 Too Many Requests", False),
        ("500 Internal Server Error", False),
        ("502 Bad Gateway", True),
        ("503 Service Unavailable", True),
        ("504 Gateway Timeout", True),
        ("999 Whatever", False),
    ],
)
def test_another_status_is_a_failure(status, retryable, serve):
    error = fetch_error(serve(answer(status=status)).url())
    assert (error.code, error.status) == ("status", int(status[:3]))
    assert error.retryable is retryable


@pytest.mark.parametrize("status", [300, 301, 302, 303, 305, 307, 308])
def test_a_redirect_is_not_followed(status, serve):
    target = serve(reads_request=False)
    server = serve(answer(status=f"{status} X", headers=[f"Location: {target.url()}"]))
    error = fetch_error(server.url())
    assert (error.code, error.status, error.retryable) == ("redirect", None, False)
    assert not target.was_called()


@pytest.mark.parametrize(
    "location",
    ["", "http://[", "file:///etc/passwd", "//", "http://a:b", "\xff", "\\\\x"],
)
def test_the_target_of_a_redirect_is_not_even_parsed(location, serve):
    server = serve(answer(status="302 Found", headers=[f"Location: {location}"]))
    assert fetch_error(server.url()).code == "redirect"


def test_the_body_of_a_redirect_is_not_read(serve):
    head = b"HTTP/1.1 302 Found\r\nLocation: /\r\n\r\n"
    server = serve(flood(head, b"x" * 65536))
    assert fetch_error(server.url(), total_timeout=PATIENCE).code == "redirect"
    server.stop()


@pytest.mark.parametrize(
    "media_type",
    ["text/html", "Text/HTML; charset=utf-8", " application/xhtml+xml ;q=1"],
)
def test_a_page_is_no_document(media_type, serve):
    server = serve(answer(b"<html>", headers=[f"Content-Type: {media_type}"]))
    assert fetch_error(server.url()).code == "content_type"


@pytest.mark.parametrize(
    "headers",
    [(), ["Content-Type: text/plain"], ["Content-Type: application/octet-stream"]],
    ids=["none", "text", "octets"],
)
def test_another_media_type_is_left_to_the_parser(headers, serve):
    assert fetch(serve(answer(headers=headers)).url()).body == DOCUMENT


def test_headers_that_could_not_be_sent_back_are_left_out(serve):
    server = serve(
        answer(headers=['ETag: "\xe4"', "Last-Modified: a\x1bb", "Age: 1", "AGE: 2"])
    )
    headers = fetch(server.url()).headers
    assert "etag" not in headers
    assert "last-modified" not in headers
    assert headers["age"] == "1, 2"
    with pytest.raises(TypeError):
        headers["x"] = "y"


# Content codings

MEMBERS = gzip.compress(b'{"keys":') + gzip.compress(b"") + gzip.compress(b" []}")


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("gzip", gzip.compress(DOCUMENT)),
        ("GZIP", gzip.compress(DOCUMENT)),
        ("x-gzip", MEMBERS),
        ("gzip", MEMBERS),
        ("identity", DOCUMENT),
    ],
    ids=["gzip", "upper-case", "x-gzip", "members", "identity"],
)
def test_gzip_is_decoded(coding, body, serve):
    server = serve(answer(body, headers=[f"Content-Encoding: {coding}"]))
    assert fetch(server.url()).body == DOCUMENT


def test_an_empty_gzip_body_is_an_empty_document(serve):
    assert (
        fetch(serve(answer(b"", headers=["Content-Encoding: gzip"])).url()).body == b""
    )


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("gzip", gzip.compress(DOCUMENT)[:-1]),
        ("gzip", gzip.compress(DOCUMENT)[:-9]),
        ("gzip", gzip.compress(DOCUMENT) + b"\x00"),
        ("gzip", gzip.compress(DOCUMENT) + gzip.compress(DOCUMENT)[:12]),
        ("gzip", gzip.compress(DOCUMENT)[:-5] + b"x" + gzip.compress(DOCUMENT)[-4:]),
        ("gzip", zlib.compress(DOCUMENT)),
        ("gzip", DOCUMENT),
        ("deflate", zlib.compress(DOCUMENT)),
        ("br", b"x"),
        ("zstd", b"x"),
        ("gzip, gzip", gzip.compress(gzip.compress(DOCUMENT))),
        ("gzip, identity", gzip.compress(DOCUMENT)),
        ("", DOCUMENT),
        ("aes128gcm\x1b", DOCUMENT),
        (",".join(["gzip"] * 50), DOCUMENT),
        ("gzip", gzip.compress(b"") * 16 + gzip.compress(DOCUMENT)),
    ],
    ids=[
        "short-trailer",
        "no-trailer",
        "zero-after",
        "cut-off-member",
        "bad-checksum",
        "zlib",
        "plain",
        "deflate",
        "br",
        "zstd",
        "gzip-twice",
        "gzip-identity",
        "empty",
        "control",
        "gzip-50-times",
        "17-members",
    ],
)
def test_another_coding_is_refused(coding, body, serve):
    server = serve(answer(body, headers=[f"Content-Encoding: {coding}"]))
    error = fetch_error(server.url())
    assert error.code == "content_encoding"
    assert error.detail.isascii()
    assert error.detail.isprintable()


# Size

LIMIT = 1000


@pytest.mark.parametrize(
    "data",
    [
        answer(b"x" * LIMIT),
        chunked(b"x" * (LIMIT - 1), b"x"),
        b"HTTP/1.0 200 OK\r\n\r\n" + b"x" * LIMIT,
        answer(gzip.compress(b"x" * LIMIT), headers=["Content-Encoding: gzip"]),
    ],
    ids=["length", "chunked", "close", "gzip"],
)
def test_a_document_may_be_as_large_as_the_limit(data, serve):
    assert fetch(serve(data).url(), max_bytes=LIMIT).body == b"x" * LIMIT


BOMB = gzip.compress(b"x" * (LIMIT + 1))


@pytest.mark.parametrize(
    "script",
    [
        send(answer(b"x" * (LIMIT + 1))),
        send_and_wait(b"HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n"),
        send_and_wait(
            b"HTTP/1.1 200 OK\r\nContent-Length: 1" + b"0" * 40 + b"\r\n\r\n"
        ),
        send(chunked(b"x" * LIMIT, b"x")),
        flood(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n" * 99
        ),
        flood(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 65536),
        send(answer(BOMB, headers=["Content-Encoding: gzip"])),
        send(chunked(BOMB, headers=["Content-Encoding: gzip"])),
        send(
            answer(
                gzip.compress(b"x" * LIMIT) + gzip.compress(b"x"),
                headers=["Content-Encoding: gzip"],
            )
        ),
        flood(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n", b"x" * 65536
        ),
        flood(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n",
            b"X: " + b"y" * 60000 + b"\r\n",
        ),
        flood(b"HTTP/1.1 200 OK\r\n", b"X: " + b"y" * 60000 + b"\r\n"),
        flood(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 999),
    ],
    ids=[
        "length",
        "announced",
        "announced-huge",
        "chunked",
        "small-chunks",
        "endless",
        "gzip",
        "gzip-chunked",
        "gzip-members",
        "negative-chunk",
        "trailers",
        "header",
        "continue",
    ],
)
def test_more_is_refused(script, serve):
    server = serve(script)
    error = fetch_error(server.url(), max_bytes=LIMIT, total_timeout=PATIENCE)
    assert (error.code, error.retryable) == ("too_large", False)
    server.stop()


def test_a_bomb_is_not_inflated(serve, monkeypatch):
    inflated = []
    make = zlib.decompressobj

    class Inflater:
        def __init__(self, *args, **kwargs):
            self._inflater = make(*args, **kwargs)

        def decompress(self, data, max_length):
            inflated.append(len(data := self._inflater.decompress(data, max_length)))
            return data

    monkeypatch.setattr(zlib, "decompressobj", Inflater)
    bomb = gzip.compress(b"\0" * 50_000_000)
    server = serve(answer(bomb, headers=["Content-Encoding: gzip"]))
    assert fetch_error(server.url(), total_timeout=PATIENCE).code == "too_large"
    assert inflated == [262145]


# What is no HTTP


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "connect"),
        (b"SSH-2.0-OpenSSH_9.9\r\n", "protocol"),
        (b"HTTP/1.1 abc\r\n\r\n", "protocol"),
        (b"HTTP/9.9 200 OK\r\n\r\n", "protocol"),
        (b"x" * 66000, "protocol"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"y" * 65537, "protocol"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 101 + b"\r\n", "protocol"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n{}", "protocol"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2, 3\r\n\r\n{}x", "protocol"),
        (chunked(b"x")[:-7], "protocol"),
        (chunked(b"x")[:-5], "protocol"),
        (chunked(b"")[:-10] + b"-5\r\n{}", "protocol"),
        (chunked(b"")[:-10] + b"zz\r\n{}", "protocol"),
        (chunked(b"")[:-10] + b"1" * 66000, "protocol"),
    ],
    ids=[
        "nothing",
        "ssh",
        "status",
        "version",
        "long-line",
        "long-header",
        "many-headers",
        "cut-off",
        "two-lengths",
        "cut-off-chunk",
        "missing-chunk",
        "negative-chunk",
        "no-chunk",
        "long-chunk-line",
    ],
)
def test_a_broken_answer_is_a_failure(data, code, serve):
    error = fetch_error(serve(data).url(), total_timeout=PATIENCE)
    assert (error.code, error.retryable) == (code, code == "connect")
    assert error.detail.isascii()
    assert error.detail.isprintable()
    assert len(error.detail) < 300


@pytest.mark.parametrize(
    "data",
    [
        answer(),
        answer(status="404 Not Found"),
        answer(status="302 Found"),
        answer(b"x" * (LIMIT + 1)),
        answer(headers=["Content-Encoding: br"]),
        b"HTTP/1.1 200 OK\r\nContent-Length: 2, 3\r\n\r\n{}x",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 65537,
        chunked(b"x")[:-7],
    ],
    ids=[
        "good",
        "status",
        "redirect",
        "too-large",
        "coding",
        "two-lengths",
        "long-header",
        "cut-off",
    ],
)
def test_nothing_stays_open(data, serve, network):
    with contextlib.suppress(FetchError):
        fetch(serve(data).url(), max_bytes=LIMIT)
    assert [connection.fileno() for connection in network.connections] == [-1]


def test_a_reset_is_a_connect_error(serve):
    def reset(connection):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

    error = fetch_error(serve(reset).url())
    assert (error.code, error.retryable) == ("connect", True)


def test_what_was_answered_instead_is_told(serve):
    error = fetch_error(serve(b"SSH-2.0-OpenSSH_9.9\r\n").url())
    assert error.detail == "'SSH-2.0-OpenSSH_9.9\\r\\n'"
    assert error.__cause__ is not None


def test_control_characters_of_the_answer_reach_no_log(serve):
    error = fetch_error(serve(b"\x1b[31m red \x00\r\n\r\n").url())
    assert error.code == "protocol"
    assert str(error).isprintable()


# Time

HEAD = b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize(
    "script",
    [
        send_and_wait(),
        drip(b"", b"x"),
        drip(HEAD + b"X: ", b"y"),
        drip(HEAD, b"X: y\r\n"),
        drip(HEAD + b"Content-Length: 99999\r\n\r\n", b"x"),
        drip(HEAD + b"\r\n", b"x"),
        drip(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
        drip(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1"),
        drip(HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"X: y\r\n"),
        drip(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    ],
    ids=[
        "silence",
        "status-line",
        "header-value",
        "header",
        "body",
        "endless-body",
        "chunks",
        "chunk-line",
        "trailers",
        "continue",
    ],
)
def test_a_slow_answer_ends_at_the_deadline(script, serve):
    server = serve(script)
    error = fetch_error(server.url(), total_timeout=0.3, read_timeout=PATIENCE)
    assert (error.code, error.retryable) == ("timeout", False)
    server.stop()


@pytest.mark.parametrize("start", [b"", HEAD + b"Content-Length: 9\r\n\r\n{}"])
def test_silence_is_a_timeout_before_the_deadline(start, serve):
    server = serve(send_and_wait(start))
    error = fetch_error(server.url(), total_timeout=PATIENCE, read_timeout=0.1)
    assert error.code == "timeout"
    server.stop()


def test_name_resolution_ends_at_the_deadline(serve, network):
    go_on, server = threading.Event(), serve()
    network.on_resolve = lambda: go_on.wait(PATIENCE)
    client = HttpClient(HttpPolicy(total_timeout=0.2))
    with pytest.raises(FetchError) as failed:
        client(server.url(), trusted_address=True)
    assert failed.value.code == "timeout"
    go_on.set()
    wait_for_workers()
    assert network.dialled == []


def test_a_connection_that_comes_too_late_is_closed(serve, network):
    go_on, server = threading.Event(), serve()
    network.on_dial = lambda: go_on.wait(PATIENCE)
    client = HttpClient(HttpPolicy(total_timeout=0.2))
    with pytest.raises(FetchError) as failed:
        client(server.url(), trusted_address=True)
    assert failed.value.code == "timeout"
    go_on.set()
    wait_for_workers()
    server.stop()
    assert server.requests == []
    network.on_dial = lambda: None


def wait_for_workers():
    for thread in threading.enumerate():
        if thread.name == "django_oidc_rs-fetch":
            thread.join(PATIENCE)


def test_without_threads_there_is_no_document(serve, monkeypatch):
    server = serve(reads_request=False)

    def start(thread):
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", start)
        error = fetch_error(server.url())
    assert (error.code, error.retryable) == ("connect", True)
    assert not server.was_called()


# TLS


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_certificate_of_the_bundle_is_good(host, serve, authority):
    server = serve(tls=authority.server_context("127.0.0.1", "localhost"))
    url = server.url(scheme="https", host=host)
    assert fetch(url, ca_bundle=str(authority.bundle)).body == DOCUMENT


@pytest.mark.parametrize(
    ("hosts", "options"),
    [
        (("127.0.0.1",), {"self_signed": True}),
        (("127.0.0.2", "localhost", "idp.test"), {}),
        ((), {}),
        (("127.0.0.1",), {"days": -1}),
    ],
    ids=["self-signed", "wrong-host", "no-host", "expired"],
)
def test_a_bad_certificate_is_refused(hosts, options, serve, authority):
    server = serve(tls=authority.server_context(*hosts, **options))
    error = fetch_error(server.url(scheme="https"), ca_bundle=str(authority.bundle))
    assert (error.code, error.retryable) == ("tls", False)
    assert server.was_called()
    assert server.requests == []


def test_a_bundle_is_read_once_and_again_when_it_changes(
    serve, authority, stranger, tmp_path, monkeypatch
):
    read = []
    load = ssl.SSLContext.load_verify_locations

    def counted(context, *args, **options):
        read.append(args or options)
        return load(context, *args, **options)

    monkeypatch.setattr(ssl.SSLContext, "load_verify_locations", counted)
    server = serve(tls=authority.server_context("127.0.0.1"))
    url, bundle = server.url(scheme="https"), tmp_path / "bundle.pem"
    bundle.write_bytes(authority.bundle.read_bytes())
    assert [fetch(url, ca_bundle=str(bundle)).body for _ in range(3)] == [DOCUMENT] * 3
    assert len(read) == 1
    # Somebody withdraws the authority.
    bundle.write_bytes(stranger.bundle.read_bytes() + b"\n")
    assert fetch_error(url, ca_bundle=str(bundle)).code == "tls"
    assert len(read) == 2


def test_a_certificate_of_another_authority_is_refused(serve, authority, stranger):
    server = serve(tls=stranger.server_context("127.0.0.1"))
    error = fetch_error(server.url(scheme="https"), ca_bundle=str(authority.bundle))
    assert error.code == "tls"
    assert server.requests == []


def test_the_environment_adds_no_authority(serve, authority, monkeypatch):
    server = serve(tls=authority.server_context("127.0.0.1"))
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.setenv(name, str(authority.bundle))
    assert fetch_error(server.url(scheme="https")).code == "tls"
    assert server.requests == []


def test_https_is_never_answered_in_plain(serve, authority):
    server = serve(send(answer()), reads_request=False)
    error = fetch_error(server.url(scheme="https"), ca_bundle=str(authority.bundle))
    assert error.code == "tls"


def test_https_to_a_private_address_sends_no_client_hello(serve, authority):
    server = serve(tls=authority.server_context("127.0.0.1"), reads_request=False)
    error = fetch_error(
        server.url(scheme="https"),
        trusted_address=False,
        ca_bundle=str(authority.bundle),
    )
    assert error.code == "private_address"
    assert not server.was_called()


@pytest.mark.parametrize(
    "content", [None, "", "not PEM"], ids=["none", "empty", "text"]
)
def test_a_bundle_that_cannot_be_read_is_a_tls_failure(content, serve, tmp_path):
    bundle = tmp_path / "bundle.pem"
    if content is not None:
        bundle.write_text(content)
    url = serve(reads_request=False).url(scheme="https")
    assert fetch_error(url, ca_bundle=str(bundle)).code == "tls"


@pytest.mark.parametrize(
    "script",
    [drip(HEAD, b"X: y\r\n"), drip(HEAD + b"\r\n", b"x"), send_and_wait()],
    ids=["header", "body", "silence"],
)
def test_a_slow_answer_over_tls_ends_at_the_deadline(script, serve, authority):
    server = serve(script, tls=authority.server_context("127.0.0.1"))
    error = fetch_error(
        server.url(scheme="https"),
        ca_bundle=str(authority.bundle),
        total_timeout=0.5,
        read_timeout=PATIENCE,
    )
    assert error.code == "timeout"
    server.stop()


@pytest.mark.parametrize(
    "timeouts",
    [
        {"total_timeout": 0.3, "connect_timeout": PATIENCE},
        {"total_timeout": PATIENCE, "connect_timeout": 0.1},
    ],
    ids=["total", "connect"],
)
def test_a_slow_handshake_is_a_timeout(timeouts, serve, authority):
    server = serve(send_and_wait(), reads_request=False)
    error = fetch_error(
        server.url(scheme="https"), ca_bundle=str(authority.bundle), **timeouts
    )
    assert error.code == "timeout"
    server.stop()


# Proxies


def tunnel(script, tls):
    """A proxy's script: a tunnel to the server of ``script``."""

    def through(connection):
        connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        with tls.wrap_socket(connection, server_side=True) as secured:
            script(secured)

    return through


def test_a_proxy_tunnels_https_and_learns_no_more_than_the_host(
    serve, authority, network
):
    seen = []

    def origin(connection):
        seen.append(read_head(connection))
        connection.sendall(answer())

    proxy = serve(tunnel(origin, authority.server_context("idp.test")))
    document = fetch(
        "https://idp.test/jwks",
        trusted_address=False,
        ca_bundle=str(authority.bundle),
        proxies={"https": f"http://user:secret@127.0.0.1:{proxy.port}"},
    )
    assert document.body == DOCUMENT
    assert document.public_address is True
    assert proxy.requests[0].startswith("CONNECT idp.test:443 ")
    assert "Proxy-Authorization" in proxy.requests[0]
    assert "Proxy-Authorization" not in seen[0]
    assert "idp.test" not in network.resolved


def test_the_certificate_behind_a_proxy_is_verified(serve, authority):
    proxy = serve(tunnel(send(answer()), authority.server_context("other.test")))
    error = fetch_error(
        "https://idp.test/jwks",
        ca_bundle=str(authority.bundle),
        proxies={"https": proxy.url("")},
    )
    assert error.code == "tls"


def test_a_proxy_forwards_plain_http(serve):
    proxy = serve()
    fetch(
        "http://idp.test/jwks",
        proxies={"all": proxy.url("")},
        allow_insecure=frozenset(("idp.test",)),
    )
    assert proxy.requests[0].startswith("GET http://idp.test/jwks ")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_loopback_hosts_are_not_proxied(host, serve):
    server, proxy = serve(), serve(reads_request=False)
    proxies = {"http": proxy.url(""), "https": proxy.url("")}
    fetch(server.url(host=host), proxies=proxies)
    assert len(server.requests) == 1
    error = fetch_error(server.url(host=host), proxies=proxies, trusted_address=False)
    assert error.code == "private_address"
    assert not proxy.was_called()


PRIVATE_HOSTS = ["10.0.0.1", "[fd00::1]", "2130706433", "127.1", "localhost.", "vault"]


@pytest.mark.parametrize("host", PRIVATE_HOSTS)
def test_a_proxy_is_no_way_inside(host, serve):
    proxy = serve(reads_request=False)
    error = fetch_error(
        f"https://{host}/", trusted_address=False, proxies={"https": proxy.url("")}
    )
    assert error.code == "private_address"
    assert not proxy.was_called()


@pytest.mark.parametrize("host", PRIVATE_HOSTS)
def test_settings_may_send_a_proxy_inside(host, serve):
    proxy = serve()
    document = fetch(
        f"http://{host}/",
        proxies={"http": proxy.url("")},
        allow_insecure=frozenset((host,)),
    )
    assert document.public_address is False


def test_a_listed_private_host_may_be_reached_by_proxy(serve):
    proxy = serve()
    document = fetch(
        "http://10.0.0.1/",
        trusted_address=False,
        proxies={"http": proxy.url("")},
        allow_insecure=frozenset(("10.0.0.1",)),
        allow_private_addresses=frozenset(("10.0.0.1",)),
    )
    assert document.status == 200


@pytest.mark.parametrize(
    "status", ["403 Forbidden", "407 Proxy Authentication Required"]
)
def test_a_proxy_that_refuses_is_a_proxy_error(status, serve):
    proxy = serve(answer(b"", status=status))
    error = fetch_error(
        "https://idp.test/",
        proxies={"https": f"http://user:secret@127.0.0.1:{proxy.port}"},
    )
    assert (error.code, error.retryable) == ("proxy", True)
    assert status[:3] in error.detail
    assert "secret" not in "".join(traceback.format_exception(error))


@pytest.mark.parametrize(
    ("proxy", "code"),
    [
        ("http://user:secret@127.0.0.1:{port}", "proxy"),
        ("http://user:secret@", "protocol"),
        ("http://user:secret@[", "proxy"),
        ("http://user:secret@127.0.0.1:port", "proxy"),
        ("http://user:secret@127.0.0.1:99999", "proxy"),
        ("gopher://user:secret@127.0.0.1:1", "proxy"),
        ("user:secret@127.0.0.1:1", "proxy"),
    ],
)
def test_a_proxy_that_cannot_be_reached_is_a_failure(proxy, code):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    error = fetch_error(
        "https://idp.test/", proxies={"https": proxy.replace("{port}", str(port))}
    )
    assert error.code == code
    assert "secret" not in "".join(traceback.format_exception(error))


@pytest.mark.parametrize(
    "script", [drip(b"", b"x"), drip(HEAD, b"X: y\r\n")], ids=["status-line", "header"]
)
def test_a_slow_proxy_ends_at_the_deadline(script, serve):
    proxy = serve(script)
    error = fetch_error(
        "https://idp.test/",
        proxies={"https": proxy.url("")},
        total_timeout=0.3,
        read_timeout=PATIENCE,
        connect_timeout=PATIENCE,
    )
    assert error.code == "timeout"
    proxy.stop()


# Values


def test_errors_say_their_code():
    assert str(FetchError("dns")) == "dns"
    assert str(FetchError("dns", "no address")) == "dns: no address"


def test_secrets_and_bodies_are_not_shown():
    policy = HttpPolicy(proxies={"https": "http://user:secret@proxy.test"})
    document = FetchedDocument(
        url="https://idp.test/", status=200, body=b"x", headers={}, public_address=True
    )
    assert "secret" not in repr(policy)
    assert "body" not in repr(document)
