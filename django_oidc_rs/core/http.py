"""One GET or POST, safely: ``Fetch`` and ``Post``, and the client on ``requests``.

An authorization server is asked over https (RFC 8414 sections 2, 6.1; RFC 7662 section
4), at a vetted address, without redirects, cookies or the environment, within a size
and a time that nobody else can stretch.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from concurrent.futures import Future
from contextlib import closing
from dataclasses import dataclass, field
from threading import Thread
from types import MappingProxyType
from typing import Protocol

import requests
from requests.structures import CaseInsensitiveDict
from requests.utils import DEFAULT_CA_BUNDLE_PATH, select_proxy

from .. import __version__
from .addresses import is_loopback_host
from .http_body import read_body
from .http_policy import HttpPolicy, check_url, is_listed, locate
from .line_adapter import LineAdapter
from .retry_after import parse_retry_after
from .transport import FetchError, Line, translate

__all__ = [
    "Fetch",
    "FetchError",
    "FetchedDocument",
    "HttpClient",
    "HttpPolicy",
    "Post",
    "check_url",
]

_HEADERS = {
    "Accept": "application/json, application/jwk-set+json",
    "Accept-Encoding": "identity",
    "User-Agent": f"django-oidc-rs/{__version__}",
}
_NO_HEADERS: Mapping[str, str] = MappingProxyType({})
# What status line, header and chunk framing may take beyond the body, in bytes.
_FRAMING = 65536
# Failures whose detail quotes the answer.
_QUOTING = frozenset(("protocol", "content_encoding"))


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


class Post(Protocol):
    """Sends one request that holds secrets, and returns what is answered."""

    def __call__(
        self,
        url: str,
        *,
        body: bytes,
        headers: Mapping[str, str],
        trusted_address: bool,
        certificate: tuple[str, str | None] | None = None,
    ) -> FetchedDocument:
        """Return the answer of status 200.

        ``certificate`` is the client's: a PEM file, and its key's unless the first
        file holds both. ``trusted_address`` is as for ``Fetch``.

        Raises:
            FetchError: there is none, whatever the reason. Its text, cause and
                traceback hold nothing of the request but the URL.
        """
        ...


class HttpClient:
    """The default ``Fetch``; its ``post`` is the default ``Post``.

    It keeps nothing between two exchanges. Each runs in a thread of its own, so that
    its caller is free at the deadline even while name resolution hangs; the thread's
    connection is cut then.
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
        return self._await(
            _Exchange(
                url, policy=self._policy, trusted=trusted_address, headers=headers
            )
        )

    def post(
        self,
        url: str,
        *,
        body: bytes,
        headers: Mapping[str, str],
        trusted_address: bool,
        certificate: tuple[str, str | None] | None = None,
    ) -> FetchedDocument:
        """Send ``body`` to ``url`` and return the answer; see ``Post``.

        Raises:
            FetchError: there is none, whatever the reason.
        """
        return self._await(
            _Exchange(
                url,
                policy=self._policy,
                trusted=trusted_address,
                headers=headers,
                body=body,
                certificate=certificate,
            )
        )

    def _await(self, exchange: _Exchange) -> FetchedDocument:
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


class _Exchange:
    """One request and its answer. ``run`` fills ``outcome``, in another thread."""

    def __init__(
        self,
        url: str,
        *,
        policy: HttpPolicy,
        trusted: bool,
        headers: Mapping[str, str],
        body: bytes | None = None,
        certificate: tuple[str, str | None] | None = None,
    ) -> None:
        origin = locate(url, policy)
        # A proxy's loopback is another machine's, and plain http must not travel.
        proxies = {} if is_loopback_host(origin.host) else dict(policy.proxies)
        self.outcome: Future[FetchedDocument] = Future()
        self.line = Line(
            origin,
            trusted=trusted or is_listed(origin.host, policy.allow_private_addresses),
            is_proxied=select_proxy(url, proxies) is not None,
            connect_timeout=policy.connect_timeout,
            budget=policy.max_bytes + _FRAMING,
        )
        self._url = url
        self._policy = policy
        self._proxies = proxies
        self._headers = CaseInsensitiveDict({**_HEADERS, **headers})
        self._body = body
        file, key = certificate or (None, None)
        # Told of a key file, urllib3 refuses an encrypted one; OpenSSL would ask for
        # its password on the terminal.
        self._certificate = (file, key or file) if file else None

    def run(self) -> None:
        """Make the exchange; every failure is a ``FetchError`` in ``outcome``."""
        try:
            self.outcome.set_result(self._perform())
        except FetchError as error:
            self.outcome.set_exception(self._discreet(error))
        except Exception as error:  # noqa: BLE001 -- an answer may break anything
            self.outcome.set_exception(self._discreet(translate(error)))

    def _discreet(self, failure: FetchError) -> FetchError:
        """Return ``failure`` without what may repeat the body or headers of a POST.

        Causes quote headers, and the frames of their tracebacks hold the request.
        """
        if self._body is None:
            return failure
        return FetchError(
            failure.code,
            "" if failure.code in _QUOTING else failure.detail,
            status=failure.status,
            retry_after=failure.retry_after,
        )

    def _perform(self) -> FetchedDocument:
        policy = self._policy
        # Session.send would read the whole body of a redirect and parse its target.
        request = requests.Request(
            "GET" if self._body is None else "POST",
            self._url,
            headers=self._headers,
            data=self._body,
        ).prepare()
        with (
            closing(self.line) as line,
            closing(LineAdapter(line)) as adapter,
            adapter.send(
                request,
                stream=True,
                timeout=(policy.connect_timeout, policy.read_timeout),
                # With True, requests 2.32.4 shares one context: it would show a client
                # certificate to every other server.
                verify=policy.ca_bundle or DEFAULT_CA_BUNDLE_PATH,
                cert=self._certificate,
                proxies=self._proxies,
            ) as answer,
        ):
            return self._document(answer)

    def _document(self, answer: requests.Response) -> FetchedDocument:
        status = answer.status_code
        is_conditional = self._body is None and not self._headers.keys().isdisjoint(
            ("If-None-Match", "If-Modified-Since")
        )
        if status == 304 and is_conditional:
            body = b""
        elif status == 200:
            body = read_body(answer, self._policy.max_bytes)
        elif 300 <= status < 400 and status != 304:
            raise FetchError("redirect", f"HTTP {status}; redirects are not followed")
        else:
            raise FetchError(
                "status",
                f"HTTP {status}",
                status=status,
                retry_after=parse_retry_after(
                    answer.headers.get("Retry-After"), now=time.time()
                ),
            )
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
