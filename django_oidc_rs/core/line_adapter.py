"""What makes ``requests`` and urllib3 use a ``Line``."""

from __future__ import annotations

import functools
import http.client
import os
import socket
import ssl
from collections.abc import Mapping
from typing import Any, cast

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection
from urllib3.connectionpool import HTTPConnectionPool
from urllib3.util.ssl_ import create_urllib3_context

from .transport import Line

__all__ = ["LineAdapter"]


@functools.lru_cache(maxsize=8)
def _tls_context(ca_bundle: str, *_as_it_stands: int) -> ssl.SSLContext:
    context = create_urllib3_context()
    context.load_verify_locations(ca_bundle)
    return context


class LineAdapter(HTTPAdapter):
    """Makes ``requests`` use a ``Line``, for whatever proxy or none."""

    def __init__(self, line: Line) -> None:
        """Take the line of the one fetch this adapter is for."""
        super().__init__()
        self._line = line

    def cert_verify(
        self,
        conn: Any,
        url: str,
        verify: bool | str | None,  # noqa: FBT001 -- the signature of requests
        cert: Any,
    ) -> None:
        """Check by the CA bundle, which is read again only when the file changes.

        Reading it takes longer than all else that a question to an issuer costs. A
        client's certificate goes into a context of its own.
        """
        super().cert_verify(conn, url, verify, cert)  # type: ignore[no-untyped-call]  # requests has no types there
        if conn.scheme == "https" and conn.ca_certs and cert is None:
            found = os.stat(conn.ca_certs)
            conn.conn_kw["ssl_context"] = _tls_context(
                conn.ca_certs, found.st_mtime_ns, found.st_size, found.st_ino
            )
            conn.ca_certs = None

    def get_connection_with_tls_context(
        self,
        request: requests.PreparedRequest,
        verify: bool | str | None,  # noqa: FBT001 -- the signature of requests
        proxies: Mapping[str, str] | None = None,
        cert: tuple[str, str] | str | None = None,
    ) -> HTTPConnectionPool:
        """Return the pool, whose connections are opened by the line."""
        pool = cast(
            "HTTPConnectionPool",
            super().get_connection_with_tls_context(request, verify, proxies, cert),
        )
        bases = (_LineConnection, pool.ConnectionCls)
        pool.ConnectionCls = type("Connection", bases, {"line": self._line})
        return pool


class _LineConnection(HTTPConnection):
    line: Line

    def response_class(  # type: ignore[override]  # called, never subclassed
        self, *args: Any, **kwargs: Any
    ) -> http.client.HTTPResponse:
        return self.line.meter(http.client.HTTPResponse(*args, **kwargs))

    def _new_conn(self) -> socket.socket:
        if self.line.is_proxied:
            self.line.check_name()
            return self.line.watch(super()._new_conn())
        return self.line.connect()
