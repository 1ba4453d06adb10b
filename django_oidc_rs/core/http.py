"""One GET, safely: the ``Fetch`` seam and the default client on ``requests``.

What an authorization server publishes is fetched over https (RFC 8414 sections 2, 6.1),
from a vetted address, without redirects, cookies or the environment, within a size and
a time that nobody else can stretch.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from concurrent.futures import Future
from contextlib import closing
from dataclasses import dataclass, field
from threading import Thread
from types import MappingProxyType
from typing import Protocol

import requests
from requests.structures import CaseInsensitiveDict
from requests.utils import select_proxy

from .. import __version__
from .addresses import Origin, is_loopback_host, parse_origin
from .errors import excerpt
from .transport import FetchError, Line, LineAdapter, translate

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
_MAX_GZIP_MEMBERS = 16


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
    directory and replaces certifi's. ``proxies`` are those of ``requests``, by scheme
    or by scheme and host; loopback hosts are never proxied. ``allow_insecure`` and
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
            exchange.line.cut()


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
        # A proxy's loopback is another machine's, and plain http must not travel.
        proxies = {} if is_loopback_host(origin.host) else dict(policy.proxies)
        self.outcome: Future[FetchedDocument] = Future()
        self.line = Line(
            origin,
            trusted=trusted or _is_listed(origin.host, policy.allow_private_addresses),
            is_proxied=select_proxy(url, proxies) is not None,
            connect_timeout=policy.connect_timeout,
            budget=policy.max_bytes + _FRAMING,
        )
        self._url = url
        self._policy = policy
        self._proxies = proxies
        self._headers = CaseInsensitiveDict({**_HEADERS, **headers})

    def run(self) -> None:
        """Make the exchange; every failure is a ``FetchError`` in ``outcome``."""
        try:
            self.outcome.set_result(self._perform())
        except FetchError as error:
            self.outcome.set_exception(error)
        except Exception as error:  # noqa: BLE001 -- an answer may break anything
            self.outcome.set_exception(translate(error))

    def _perform(self) -> FetchedDocument:
        policy = self._policy
        # Session.send would read the whole body of a redirect and parse its target.
        request = requests.Request("GET", self._url, headers=self._headers).prepare()
        with (
            closing(self.line) as line,
            closing(LineAdapter(line)) as adapter,
            adapter.send(
                request,
                stream=True,
                timeout=(policy.connect_timeout, policy.read_timeout),
                verify=policy.ca_bundle or True,
                proxies=self._proxies,
            ) as answer,
        ):
            return self._document(answer)

    def _document(self, answer: requests.Response) -> FetchedDocument:
        status = answer.status_code
        is_conditional = not self._headers.keys().isdisjoint(
            ("If-None-Match", "If-Modified-Since")
        )
        if status == 304 and is_conditional:
            body = b""
        elif status == 200:
            body = _body(answer, self._policy.max_bytes)
        elif 300 <= status < 400 and status != 304:
            raise FetchError("redirect", f"HTTP {status}; redirects are not followed")
        else:
            raise FetchError("status", f"HTTP {status}", status=status)
        headers = {
            name.lower(): value
            for name, value in answer.headers.items()
            if value.isascii() and value.isprintable()
        }
        return FetchedDocument(
            url=self._url,
            status=status,
            body=body,
            headers=MappingProxyType(headers),
            public_address=self.line.is_public,
        )


def _body(answer: requests.Response, limit: int) -> bytes:
    media_type = answer.headers.get("Content-Type", "").partition(";")[0]
    if media_type.strip().lower() in _PAGES:
        raise FetchError("content_type", "a page, no document; a login page perhaps")
    coding = answer.headers.get("Content-Encoding", "identity").strip().lower()
    if coding not in {"identity", "gzip", "x-gzip"}:
        raise FetchError("content_encoding", f"content coding {excerpt(coding)}")
    _check_size(answer.raw.length_remaining or 0, limit)
    raw = b""
    while part := answer.raw.read(limit + 1 - len(raw), decode_content=False):
        raw += part
        _check_size(len(raw), limit)
    return raw if coding == "identity" else _gunzip(raw, limit)


def _gunzip(raw: bytes, limit: int) -> bytes:
    """Return the members' data; never inflates more than one byte past ``limit``."""
    body = b""
    try:
        # Unbounded, thousands of empty members would cost quadratic time.
        for _ in range(_MAX_GZIP_MEMBERS):
            if not raw:
                return body
            member = zlib.decompressobj(wbits=31)
            body += member.decompress(raw, limit + 1 - len(body))
            _check_size(len(body), limit)
            if not member.eof:
                raise FetchError("content_encoding", "the gzip data is cut off")
            raw = member.unused_data
    except zlib.error as error:
        raise FetchError("content_encoding", "not gzip data") from error
    raise FetchError("content_encoding", "too many gzip members")


def _check_size(size: int, limit: int) -> None:
    if size > limit:
        raise FetchError("too_large", f"more than {limit} bytes")
