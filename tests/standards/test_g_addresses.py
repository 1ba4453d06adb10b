"""G: addresses that are never asked."""

from __future__ import annotations

import socket

import pytest

from django_oidc_rs.core.http import FetchError, HttpClient, HttpPolicy

from .support import requirement

PRIVATE = (
    *("127.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.0.1", "169.254.169.254"),
    *("0.0.0.0", "100.64.0.1", "::1", "fc00::1", "fe80::1", "::ffff:127.0.0.1", "::"),
)


@pytest.mark.parametrize("address", PRIVATE)
@pytest.mark.parametrize("rebound", [False, True])
@requirement("G93")
def test_no_local_address_is_connected_to(address, rebound, monkeypatch):
    names = [["8.8.8.8"], [address]] if rebound else [[address]]
    dialled = []

    def resolve(host, port, *args, **kwargs):
        found = names.pop(0) if len(names) > 1 else names[0]
        family = socket.AF_INET6 if ":" in found[0] else socket.AF_INET
        return [(family, socket.SOCK_STREAM, 6, "", (found[0], port))]

    def dial(place, **kwargs):
        dialled.append(place[0])
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    monkeypatch.setattr(socket, "create_connection", dial)
    with pytest.raises(FetchError) as caught:
        HttpClient(HttpPolicy())("https://keys.test/jwks", trusted_address=False)
    # What was vetted is what is dialled: a second look-up would be somebody else's.
    assert dialled == (["8.8.8.8"] if rebound else [])
    assert caught.value.code == ("connect" if rebound else "private_address")
