"""The one connection of a fetch: to a vetted address, metered, cut from outside.

``requests`` makes the request and TLS; here is what it leaves open.
"""

from __future__ import annotations

import http.client
import io
import socket
import ssl
from contextlib import suppress
from threading import Lock
from typing import TYPE_CHECKING

import requests
from requests.exceptions import InvalidSchema, InvalidURL, ProxyError, SSLError

from .addresses import Origin, is_public, may_be_public
from .errors import excerpt

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

__all__ = ["FetchError", "Line", "translate"]

# Exceptions anywhere in a failure's chain -> code, first match wins.
_CAUSES: tuple[tuple[str, tuple[type[BaseException], ...]], ...] = (
    # The fetched URL has been parsed before; one that is invalid here is the proxy's.
    ("proxy", (ProxyError, InvalidURL, InvalidSchema)),
    ("tls", (ssl.SSLError, SSLError)),
    ("timeout", (TimeoutError,)),
    ("connect", (ConnectionError,)),
    # A connection's are "connect" already: a client certificate that cannot be read.
    ("tls", (PermissionError, IsADirectoryError)),
)


class FetchError(Exception):
    """No usable document came of a fetch; ``code`` names the cause.

    Attributes:
        code: ``insecure_url``, ``private_address``, ``dns``, ``connect``, ``proxy``,
            ``tls``, ``timeout``, ``redirect``, ``status``, ``too_large``,
            ``content_type``, ``content_encoding`` or ``protocol``.
        detail: more for operators; what others wrote is escaped and cut.
        status: the HTTP status of the answer when ``code`` is ``status``.
        retry_after: how many seconds, 1 to 60, that answer's Retry-After asks to wait.
        retryable: the cause may be gone at once: no connection, or 502, 503, 504.
    """

    def __init__(
        self,
        code: str,
        detail: str = "",
        *,
        status: int | None = None,
        retry_after: int | None = None,
    ) -> None:
        """Keep the stable ``code`` and what operators want to know."""
        super().__init__(f"{code}: {detail}" if detail else code)
        self.code = code
        self.detail = detail
        self.status = status
        self.retry_after = retry_after
        self.retryable = code in {"connect", "proxy"} or status in {502, 503, 504}


class Line:
    """Where the fetch of one URL may connect to, and the connection it has."""

    def __init__(
        self,
        origin: Origin,
        *,
        trusted: bool,
        is_proxied: bool,
        connect_timeout: float,
        budget: int,
    ) -> None:
        """Take the rules; nothing is opened yet.

        ``trusted`` lets any address answer. ``connect_timeout`` is in seconds and per
        address; ``budget`` is how many bytes the whole answer may have.
        """
        self.is_proxied = is_proxied
        self.is_public = may_be_public(origin.host)
        self._budget = budget
        self._origin = origin
        self._trusted = trusted
        self._connect_timeout = connect_timeout
        self._lock = Lock()
        self._is_cut = False
        self._handle: socket.socket | None = None
        self._answers: list[http.client.HTTPResponse] = []

    def cut(self) -> None:
        """End the connection, whatever the thread that uses it is waiting for."""
        with self._lock:
            self._is_cut = True
            handle, self._handle = self._handle, None
        if handle is not None:
            with suppress(OSError):
                handle.shutdown(socket.SHUT_RDWR)
            handle.close()

    def connect(self) -> socket.socket:
        """Connect to the first address that may answer; no other sees a packet.

        Vetting what is connected to, not the name, leaves no room for DNS rebinding
        and exotic spellings of private addresses.

        Raises:
            FetchError: no address may answer, or none does.
        """
        host, port = self._origin.host, self._origin.port
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise FetchError(
                "dns", f"{excerpt(host)} has no address: {_reason([error])}"
            ) from error
        last: OSError | None = None
        for *_, place in found:
            address = str(place[0])
            if not (self._trusted or is_public(address)):
                continue
            self._check_uncut()
            try:
                connected = socket.create_connection(
                    (address, port), timeout=self._connect_timeout
                )
            except OSError as error:
                last = error
            else:
                # A POST is sent in two pieces; over TLS the second would wait for the
                # other side's delayed acknowledgement of the first.
                connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self.is_public = is_public(address)
                return self.watch(connected)
        if last is None:
            raise self._refusal()
        raise FetchError(
            "timeout" if isinstance(last, TimeoutError) else "connect",
            f"no connection to {excerpt(host)}: {_reason([last])}",
        ) from last

    def check_name(self) -> None:
        """Check what can be checked where a proxy resolves the name.

        Raises:
            FetchError: the name says already that it is private.
        """
        if not (self._trusted or self.is_public):
            raise self._refusal()

    def watch(self, connected: socket.socket) -> socket.socket:
        """Make ``connected`` the connection that ``cut`` ends.

        Raises:
            FetchError: it has been cut already.
        """
        with self._lock:
            if not self._is_cut:
                # TLS takes the socket over; a second handle on it remains.
                self._handle = connected.dup()
                return connected
        connected.close()
        raise self._too_late()

    def meter(self, answer: http.client.HTTPResponse) -> http.client.HTTPResponse:
        """Bound what is read for ``answer``, from its first byte on."""
        answer.fp = io.BufferedReader(_Metered(answer.fp, self._budget))
        self._answers.append(answer)
        return answer

    def close(self) -> None:
        """Release what urllib3 leaves open after some malformed answers."""
        for answer in self._answers:
            answer.close()

    def _check_uncut(self) -> None:
        if self._is_cut:
            raise self._too_late()

    @staticmethod
    def _too_late() -> FetchError:
        return FetchError("timeout", "nobody waits any more")

    def _refusal(self) -> FetchError:
        return FetchError(
            "private_address",
            f"{excerpt(self._origin.host)} is not public, but a document from a public "
            "address names it; ALLOW_PRIVATE_ADDRESSES can list it",
        )


class _Metered(io.RawIOBase):
    """Bounds all that an answer sends: header floods and chunk framing included."""

    def __init__(self, source: io.BufferedReader, budget: int) -> None:
        self._source = source
        self._budget = budget

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        count = self._source.readinto1(buffer)
        self._budget -= count
        if self._budget < 0:
            raise FetchError("too_large", "header and framing exceed all measure")
        return count

    def close(self) -> None:
        self._source.close()
        super().close()


def translate(error: Exception) -> FetchError:
    """Return what a failure of ``requests`` or below it means, with its cause."""
    chain = _chain(error)
    # requests wraps the network's failures, not the one of reading the CA bundle.
    other = "tls" if type(error) is OSError else "protocol"
    causes = (
        code
        for code, classes in _CAUSES
        if any(isinstance(link, classes) for link in chain)
    )
    code = next(causes, other)
    failure = FetchError(code, _reason(chain))
    # The text of a proxy's failure may quote its URL with the password.
    failure.__cause__ = None if code == "proxy" else error
    return failure


def _chain(error: BaseException) -> list[BaseException]:
    chain: list[BaseException] = []
    link: BaseException | None = error
    while link is not None and link not in chain:
        chain.append(link)
        link = link.__cause__ or link.__context__
    return chain


def _reason(chain: list[BaseException]) -> str:
    """Return the innermost cause in words, which may be the answer's: escaped, cut."""
    for link in reversed(chain):
        if isinstance(link, OSError | http.client.HTTPException) and not isinstance(
            link, requests.RequestException
        ):
            return excerpt(str(getattr(link, "verify_message", "") or link))
    return type(chain[0]).__name__
