"""``sync_oidc_keys`` against issuers that misbehave: what it must leave as it was."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.test import override_settings

from django_oidc_rs import wiring
from django_oidc_rs.core.clock import SystemClock
from django_oidc_rs.core.http import FetchError
from django_oidc_rs.models import IssuerRecord
from django_oidc_rs.stores import DatabaseKeyStore
from django_oidc_rs.testing import FakeIssuer
from tests.attacks.apis import PATHS
from tests.attacks.harness import HANDLERS, Sent
from tests.commands import Done, is_harmless, run
from tests.core.builders import ISSUER, key
from tests.core.servers import PUBLIC, PUBLIC_2, Authority, Network, Server, answer
from tests.settings_faults import issuer as settings_of_issuer

__all__ = ["METADATA", "Site", "asked_nobody", "assert_failed", "metadata", "stored"]

METADATA = "/.well-known/openid-configuration"


def stored() -> list[dict[str, Any]]:
    """Return every stored row, as it is."""
    return list(IssuerRecord.objects.order_by("pk").values())


def metadata(**members: object) -> bytes:
    """Return the issuer's metadata with ``members``; None leaves one out."""
    made = {"issuer": ISSUER, "jwks_uri": f"{ISSUER}/jwks", **members}
    return json.dumps(
        {name: value for name, value in made.items() if value is not None}
    ).encode()


def assert_failed(done: Done, code: str, before: list[dict[str, Any]]) -> None:
    """The command failed with ``code``; what was stored stays, and serves."""
    assert done.code == 1
    assert f"default: {code}: " in done.err
    assert is_harmless(done.out + done.err)
    assert stored() == before
    assert_serves()


def assert_serves() -> None:
    """Good tokens open the API with what is stored, the issuer out of reach."""
    issuer = FakeIssuer()
    issuer.key = key()
    opener = Sent((f"Bearer {issuer.access_token('alice', ['read'])}",))
    with asked_nobody():
        for handler, url in PATHS.items():
            assert HANDLERS[handler](url, opener).status == 200


@contextmanager
def asked_nobody() -> Iterator[None]:
    """Let the API use what is stored; whoever asks for more is answered by nobody."""

    def fetch(url: str, **_options: Any) -> Any:
        raise FetchError("connect", "nobody there")

    seams = wiring.Seams(
        clock=SystemClock(),
        fetch=fetch,
        store=DatabaseKeyStore(),
        spawn=lambda work: work(),
    )
    with wiring.substitute(seams):
        yield


class _Names(Network):
    """A resolver that knows only what it is told, and numbers."""

    def getaddrinfo(self, host: str, port: int, *args: Any, **kwargs: Any) -> Any:
        if host not in self.names and not set(host) <= set("0123456789abcdef.:x"):
            self.resolved.append(host)
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return super().getaddrinfo(host, port, *args, **kwargs)


class Site:
    """https://issuer.test, and what its documents lead to: all of it on loopback.

    Attributes:
        pages: path -> a whole HTTP answer, or a script for the connection.
        network: who has which address, and who was dialled.
    """

    def __init__(self, folder: Path, monkeypatch: Any, **tls: Any) -> None:
        """Start serving good documents; ``tls`` may spoil the certificate."""
        self.network = _Names()
        self.authority = Authority(folder, "authority")
        self.pages: dict[str, bytes | Callable[[Any], object]] = {
            METADATA: answer(metadata()),
            "/jwks": answer(json.dumps({"keys": [key().public_jwk()]}).encode()),
        }
        hosts = tls.pop("hosts", ("issuer.test", "keys.test"))
        self.server = Server(
            self._converse, tls=self.authority.server_context(*hosts, **tls)
        )
        self.network.names = {"issuer.test": [PUBLIC], "keys.test": [PUBLIC_2]}
        self.network.machines = dict.fromkeys((PUBLIC, PUBLIC_2), self.server.port)
        monkeypatch.setattr(socket, "getaddrinfo", self.network.getaddrinfo)
        monkeypatch.setattr(socket, "create_connection", self.network.create_connection)

    def _converse(self, connection: Any) -> None:
        path = self.server.requests[-1].split()[1]
        page = self.pages.get(path, answer(b"", status="404 Not Found"))
        if callable(page):
            page(connection)
        else:
            connection.sendall(page)

    @property
    def looked_up(self) -> list[str]:
        """The names asked of the resolver, loopback's own left out."""
        return [name for name in self.network.resolved if name != "127.0.0.1"]

    @property
    def paths(self) -> list[str]:
        """The paths asked so far."""
        return [request.split()[1] for request in self.server.requests]

    def settings(self, **http: object) -> dict[str, Any]:
        """Return settings that trust this site's authority."""
        bundle = {"CA_BUNDLE": str(self.authority.bundle), **http}
        return {**settings_of_issuer(), "HTTP": bundle}

    def sync(self, **http: object) -> Done:
        """Run the command over real sockets."""
        with override_settings(OIDC_RS=self.settings(**http)):
            return run("sync_oidc_keys")

    def sync_well(self) -> list[dict[str, Any]]:
        """Run the command while all is well, and return what it stored."""
        done = self.sync()
        assert (done.code, done.err) == (0, "")
        self.network.dialled.clear()
        self.network.resolved.clear()
        self.server.requests.clear()
        return stored()
