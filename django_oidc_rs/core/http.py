"""One GET, safely: the ``Fetch`` seam and the default client on ``requests``.

What an authorization server publishes is fetched over https (RFC 8414 sections 2, 6.1),
from a vetted address, without redirects, cookies or the environment, within a size and
a time that nobody else can stretch.
"""

from __future__ import annotations

import http.client
import io
import socket
import ssl
import zlib
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from contextlib import closing, suppress
from dataclasses import dataclass, field
from threading import Lock, Thread
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol

import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.structures import CaseInsensitiveDict
from requests.utils import select_proxy
from urllib3.connection import HTTPConnection

from .. import __version__
from .addresses import (
    Origin,
    is_loopback_host,
    is_public,
    may_be_public,
    parse_origin,
)
from .errors import excerpt

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer
    from urllib3.connectionpool import ConnectionPool

__all__ = [
    "Fetch",
    "FetchError",
    "FetchedDocument",
    "HttpClient",
    "HttpPolicy",
    "check_url",
]

_HEADERS = {
    "Accept": "application/json, application/jwk-set+json",
    "Accept-Encoding": "identity",
    "User-Agent": f"django-oidc-rs/{__version__}",
}
_NO_HEADERS: Mapping[str, str] = MappingProxyType({})
_PAGES = frozenset(("text/html", "application/xhtml+xml"))
# What status line, header and chunk framing may take beyond the body, in bytes.
_FRAMING = 65536
# Exceptions anywhere in a failure's chain -> code, first match wins.
_CAUSES: tuple[tuple[str, tuple[type[BaseException], ...]], ...] = (
    ("proxy", (requests.exceptions.ProxyError, requests.exceptions.InvalidProxyURL)),
    ("tls", (ssl.SSLError, requests.exceptions.SSLError)),
    ("timeout", (TimeoutError,)),
    ("connect", (ConnectionError,)),
)


class FetchError(Exception):
    """No usable document came of a fetch; ``code`` names the cause.

    Attributes:
        code: ``insecure_url``, ``private_address``, ``dns``, ``connect``, ``proxy``,
            ``tls``, ``timeout``, ``redirect``, ``status``, ``too_large``,
            ``content_type``, ``content_encoding`` or ``protocol``.
        detail: more for operators; what others wrote is escaped and cut.
        status: the HTTP status of the answer when ``code`` is ``status``.
        retryable: the cause may be gone at once: no connection, or 502, 503, 504.
    """

    def __init__(
        self, code: str, detail: str = "", *, status: int | None = None
    ) -> None:
        """Keep the stable ``code`` and what operators want to know."""
        super().__init__(f"{code}: {detail}" if detail else code)
        self.code = code
        self.detail = detail
        self.status = status
        self.retryable = code in {"connect", "proxy"} or status in {502, 503, 504}


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchedDocument:
    """An answer of status 200, or 304 to a conditional request.

    ``body`` is decoded and empty for 304. ``headers`` have lower-case names; those
    whose value is not printable ASCII are left out, so that any may be sent back.
    ``public_address`` tells whether a globally routable address answered (behind a
    proxy: whether it may have been one).
    """

    url: str
    status: int
    body: bytes = field(repr=False)
    headers: Mapping[str, str]
    public_address: bool


class Fetch(Protocol):
    """Fetches one document.

    ``trusted_address`` is True for a URL written in settings, which any address may
    answer, and False for one that a document from a public address named.
    """

    def __call__(
        self,
        url: str,
        *,
        trusted_address: bool,
        headers: Mapping[str, str] = _NO_HEADERS,
    ) -> FetchedDocument:
        """Return the document.

        Raises:
            FetchError: there is none, whatever the reason.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpPolicy:
    """How documents are fetched: timeouts in seconds, sizes in bytes.

    ``connect_timeout`` holds per address, ``read_timeout`` between two pieces of the
    answer, ``total_timeout`` for everything, name resolution included. ``max_bytes``
    bounds the body before and after decoding. ``ca_bundle`` is a PEM file or a hashed
    directory and replaces certifi's. ``proxies`` are ``requests``' (by scheme, or by
    scheme and host); loopback hosts are never proxied. ``allow_insecure`` and
    ``allow_private_addresses`` are host names.
    """

    connect_timeout: float = 2.0
    read_timeout: float = 3.0
    total_timeout: float = 5.0
    max_bytes: int = 262144
    ca_bundle: str | None = None
    # Proxy URLs may hold passwords.
    proxies: Mapping[str, str] = field(default_factory=dict, repr=False)
    allow_insecure: frozenset[str] = frozenset()
    allow_private_addresses: frozenset[str] = frozenset()


class HttpClient:
    """The default ``Fetch``. It keeps nothing between two fetches.

    Each fetch runs in a thread of its own, so that its caller is free at the deadline
    even while name resolution hangs; the thread's connection is cut then.
    """

    def __init__(self, policy: HttpPolicy) -> None:
        """Take the policy; nothing is opened yet."""
        self._policy = policy

    def __call__(
        self,
        url: str,
        *,
        trusted_address: bool,
        headers: Mapping[str, str] = _NO_HEADERS,
    ) -> FetchedDocument:
        """Return the document at ``url``.

        Raises:
            FetchError: there is none, whatever the reason.
        """
        exchange = _Exchange(
            url, policy=self._policy, trusted=trusted_address, headers=headers
        )
        worker = Thread(target=exchange.run, name="django_oidc_rs-fetch", daemon=True)
        try:
            worker.start()
            return exchange.outcome.result(timeout=self._policy.total_timeout)
        except TimeoutError:
            raise FetchError(
                "timeout", f"no document within {self._policy.total_timeout:g} s"
            ) from None
        except RuntimeError as error:
            raise FetchError("connect", "no thread can be started") from error
        finally:
            exchange.abandon()


def check_url(url: str, policy: HttpPolicy) -> None:
    """Check that ``url`` may be asked at all; no name is looked up.

    It is absolute, in ASCII, at most 2048 characters long, without user information
    and fragment, and https; or http to a loopback host (``localhost``, 127.0.0.0/8,
    ``::1``) or a host in ``allow_insecure``. RFC 8414 section 2.

    Raises:
        FetchError: it is none of that; code ``insecure_url``.
    """
    _locate(url, policy)


def _locate(url: str, policy: HttpPolicy) -> Origin:
    # What stands before an "@" may be a password, which belongs in no log.
    shown = "the URL" if "@" in url else excerpt(url)
    try:
        origin = parse_origin(url)
    except ValueError as error:
        raise FetchError("insecure_url", f"{shown} {error}") from None
    if not (
        origin.scheme == "https"
        or is_loopback_host(origin.host)
        or _is_listed(origin.host, policy.allow_insecure)
    ):
        raise FetchError("insecure_url", f"{shown} is not https")
    return origin


def _is_listed(host: str, names: frozenset[str]) -> bool:
    return host in {name.strip("[]").lower() for name in names}


class _Exchange:
    """One request and its answer. ``run`` fills ``outcome``, in another thread."""

    def __init__(
        self, url: str, *, policy: HttpPolicy, trusted: bool, headers: Mapping[str, str]
    ) -> None:
        origin = _locate(url, policy)
        self.host, self.port = origin.host, origin.port
        self.outcome: Future[FetchedDocument] = Future()
        self.budget = policy.max_bytes + _FRAMING
        self._url = url
        self._policy = policy
        self._trusted = trusted or _is_listed(self.host, policy.allow_private_addresses)
        self._headers = CaseInsensitiveDict({**_HEADERS, **headers})
        # The other end of a proxy has loopback addresses of its own.
        proxies = {} if is_loopback_host(self.host) else dict(policy.proxies)
        self._proxies = proxies
        self.is_proxied = select_proxy(url, proxies) is not None
        self._public = may_be_public(self.host)
        self._lock = Lock()
        self._abandoned = False
        self._line: socket.socket | None = None

    def run(self) -> None:
        """Make the exchange; every failure is a ``FetchError`` in ``outcome``."""
        try:
            self.outcome.set_result(self._perform())
        except FetchError as error:
            self.outcome.set_exception(error)
        except Exception as error:  # noqa: BLE001 -- an answer may break anything
            failure = _translate(error)
            failure.__cause__ = error
            self.outcome.set_exception(failure)

    def abandon(self) -> None:
        """Cut the connection, whatever the thread is waiting for."""
        with self._lock:
            self._abandoned = True
            line, self._line = self._line, None
        if line is not None:
            with suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)
            line.close()

    def connect(self) -> socket.socket:
        """Connect to the first address that may answer; others see no packet.

        Vetting what is connected to, not the name, leaves no room for DNS rebinding
        and exotic spellings of private addresses.
        """
        try:
            found = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise FetchError(
                "dns", f"{excerpt(self.host)} has no address: {_reason((error,))}"
            ) from error
        last: OSError | None = None
        for *_, place in found:
            address = str(place[0])
            if not (self._trusted or is_public(address)):
                continue
            if self._abandoned:
                raise FetchError("timeout", "abandoned")
            try:
                connected = socket.create_connection(
                    (address, self.port), timeout=self._policy.connect_timeout
                )
            except OSError as error:
                last = error
            else:
                self._public = is_public(address)
                return connected
        if last is None:
            raise self._refusal()
        raise FetchError(
            "timeout" if isinstance(last, TimeoutError) else "connect",
            f"no connection to {excerpt(self.host)}: {_reason((last,))}",
        ) from last

    def register(self, connected: socket.socket) -> socket.socket:
        """Keep a second handle on the connection, which survives the TLS wrapping."""
        with self._lock:
            if self._abandoned:
                connected.close()
                raise FetchError("timeout", "abandoned")
            self._line = connected.dup()
        return connected

    def _refusal(self) -> FetchError:
        return FetchError(
            "private_address",
            f"{excerpt(self.host)} is no public address, but a document from one "
            "names it; ALLOW_PRIVATE_ADDRESSES can list it",
        )

    def _perform(self) -> FetchedDocument:
        if self.is_proxied and not (self._trusted or self._public):
            raise self._refusal()
        policy = self._policy
        # Session.send would read the whole body of a redirect and keep its cookies.
        request = requests.Request("GET", self._url, headers=self._headers).prepare()
        with (
            closing(_Adapter(self)) as adapter,
            adapter.send(
                request,
                stream=True,
                timeout=(policy.connect_timeout, policy.read_timeout),
                verify=policy.ca_bundle or True,
                proxies=self._proxies,
            ) as answer,
        ):
            return self._read(answer)

    def _read(self, answer: requests.Response) -> FetchedDocument:
        status = answer.status_code
        is_conditional = not self._headers.keys().isdisjoint(
            ("If-None-Match", "If-Modified-Since")
        )
        if status == 304 and is_conditional:
            body = b""
        elif status == 200:
            body = _body(answer, self._policy.max_bytes)
        elif 300 <= status < 400 and status != 304:
            # The target is not even looked at: it may lie inside.
            raise FetchError("redirect", f"HTTP {status}; redirects are not followed")
        else:
            raise FetchError("status", f"HTTP {status}", status=status)
        return FetchedDocument(
            url=self._url,
            status=status,
            body=body,
            headers=MappingProxyType(
                {
                    name.lower(): value
                    for name, value in answer.headers.items()
                    if value.isascii() and value.isprintable()
                }
            ),
            public_address=self._public,
        )


class _Adapter(HTTPAdapter):
    """Makes ``requests`` connect through the exchange, proxies included."""

    def __init__(self, exchange: _Exchange) -> None:
        super().__init__()
        self._exchange = exchange

    def get_connection_with_tls_context(
        self,
        request: requests.PreparedRequest,
        verify: bool | str | None,  # noqa: FBT001 -- requests' signature
        proxies: Mapping[str, str] | None = None,
        cert: tuple[str, str] | str | None = None,
    ) -> ConnectionPool:
        pool = super().get_connection_with_tls_context(request, verify, proxies, cert)
        pool.ConnectionCls = type(
            "_Connection",
            (_GuardedConnection, pool.ConnectionCls),
            {"exchange": self._exchange},
        )
        return pool


class _GuardedConnection(HTTPConnection):
    exchange: _Exchange

    def response_class(
        self, sock: socket.socket, method: str | None = None
    ) -> http.client.HTTPResponse:
        answer = http.client.HTTPResponse(sock, method=method)
        answer.fp = io.BufferedReader(_Metered(answer.fp, self.exchange.budget))
        return answer

    def _new_conn(self) -> socket.socket:
        if self.exchange.is_proxied:
            return self.exchange.register(super()._new_conn())
        return self.exchange.register(self.exchange.connect())


class _Metered(io.RawIOBase):
    """Bounds everything an answer sends; header floods and chunk framing included."""

    def __init__(self, source: io.BufferedReader, budget: int) -> None:
        self._source = source
        self._budget = budget

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        count = self._source.readinto1(buffer)
        self._budget -= count
        if self._budget < 0:
            raise FetchError("too_large", "header and body exceed MAX_BYTES")
        return count

    def close(self) -> None:
        self._source.close()
        super().close()


def _body(answer: requests.Response, limit: int) -> bytes:
    media_type = answer.headers.get("Content-Type", "").partition(";")[0]
    if media_type.strip().lower() in _PAGES:
        raise FetchError("content_type", "a page, no document; a login page perhaps")
    coding = answer.headers.get("Content-Encoding", "identity").strip().lower()
    if coding not in {"identity", "gzip", "x-gzip"}:
        raise FetchError("content_encoding", f"content coding {excerpt(coding)}")
    too_large = FetchError("too_large", f"more than {limit} bytes")
    if (answer.raw.length_remaining or 0) > limit:
        raise too_large
    raw = b""
    while part := answer.raw.read(limit + 1 - len(raw), decode_content=False):
        raw += part
        if len(raw) > limit:
            raise too_large
    if coding == "identity":
        return raw
    body = b""
    try:
        while raw:
            member = zlib.decompressobj(wbits=31)
            body += member.decompress(raw, limit + 1 - len(body))
            if len(body) > limit:
                raise too_large
            if not member.eof:
                raise FetchError("content_encoding", "the gzip data is cut off")
            raw = member.unused_data
    except zlib.error as error:
        raise FetchError("content_encoding", "not gzip data") from error
    return body


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _translate(error: Exception) -> FetchError:
    chain = tuple(_chain(error))
    for code, classes in _CAUSES:
        if any(isinstance(link, classes) for link in chain):
            return FetchError(code, _reason(chain))
    if type(error) is OSError:
        # requests wraps every failure of the network, not that of reading ca_bundle.
        return FetchError("tls", _reason(chain))
    return FetchError("protocol", _reason(chain))


def _reason(chain: tuple[BaseException, ...]) -> str:
    """Return the innermost cause in words, which may be the answer's: escaped, cut.

    Texts of other classes may quote a proxy's URL, with its password.
    """
    for link in reversed(chain):
        if isinstance(link, OSError | http.client.HTTPException) and not isinstance(
            link, requests.RequestException
        ):
            return excerpt(str(getattr(link, "verify_message", "") or link))
    return type(chain[0]).__name__
