"""The composition root: ``Config`` -> one ``ResourceServer`` per process.

Lazy, so that start-up does no work; fork-safe, so that gunicorn's ``--preload`` shares
no locks between workers.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from . import signals
from .cache_store import CacheKeyStore
from .conf import get_config, on_change
from .core.clock import Clock, SystemClock
from .core.http import Fetch, HttpClient
from .core.issuers import DATABASE, IssuerPolicy
from .core.jwk import parse_jwk_set, shared_secret_keys
from .core.jwt_validator import JwtValidator
from .core.keys import (
    BoundedStore,
    KeyRing,
    KeySource,
    KeyStore,
    SourceError,
    StaticKeys,
)
from .core.resource_server import ResourceServer
from .stores import DatabaseKeyStore, closing_connections
from .telemetry import count_fetch

__all__ = ["Seams", "get_resource_server", "get_seams", "reset", "substitute"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seams:
    """Where the world comes in: time, network, store, threads.

    ``spawn`` runs a function off the request path. ``cache`` makes the key store for an
    alias of ``CACHES``; without it every issuer uses ``store``.
    """

    clock: Clock
    fetch: Fetch
    store: KeyStore
    spawn: Callable[[Callable[[], None]], None]
    cache: Callable[[str], KeyStore] | None = None

    def store_of(self, policy: IssuerPolicy) -> KeyStore:
        """Return where the keys of this issuer are kept."""
        if policy.keys.store == DATABASE or self.cache is None:
            return self.store
        return self.cache(policy.keys.store)


_lock = threading.Lock()
_server: ResourceServer | None = None
_substitutes: list[Seams] = []


def get_seams() -> Seams:
    """Return the machine's clock, the HTTP client, the real stores and threads."""
    if _substitutes:
        return _substitutes[-1]
    database = DatabaseKeyStore()
    return Seams(
        clock=SystemClock(),
        fetch=HttpClient(get_config().http),
        store=database,
        spawn=closing_connections,
        cache=lambda alias: CacheKeyStore(alias, fallback=database),
    )


@contextmanager
def substitute(seams: Seams) -> Iterator[None]:
    """Use ``seams`` instead, for tests; a new resource server is made either way."""
    _substitutes.append(seams)
    reset()
    try:
        yield
    finally:
        # Not always the last: fixtures end in an order of their own.
        _substitutes.remove(seams)
        reset()


def get_resource_server() -> ResourceServer:
    """Return this process's resource server, made on first use.

    Raises:
        ImproperlyConfigured: ``OIDC_RS`` has errors; all of them are listed.
    """
    global _server  # noqa: PLW0603 -- one per process, cleared by reset
    server = _server
    if server is None:
        with _lock:
            server = _server
            if server is None:
                server = _server = _build()
    return server


def _build() -> ResourceServer:
    config, seams = get_config(), get_seams()
    # One each, however many issuers there are: a store that hangs costs one thread.
    stores = {
        policy.keys.store: BoundedStore(seams.store_of(policy), spawn=seams.spawn)
        for policy in config.issuers
    }
    return ResourceServer(
        {
            policy.issuer: JwtValidator(
                policy,
                keys=_keys(policy, seams, stores[policy.keys.store]),
                clock=seams.clock,
            )
            for policy in config.issuers
        },
        max_token_length=config.max_token_length,
    )


def _keys(policy: IssuerPolicy, seams: Seams, store: KeyStore) -> KeySource:
    if policy.shared_secret is not None:
        return StaticKeys(shared_secret_keys(policy.shared_secret))
    if policy.jwks is not None:
        return StaticKeys(parse_jwk_set(policy.jwks, algorithms=policy.algorithms))
    return KeyRing(
        policy,
        clock=seams.clock,
        fetch=seams.fetch,
        store=store,
        spawn=seams.spawn,
        on_refresh=_announce,
    )


def _announce(issuer_alias: str, error: SourceError | None) -> None:
    count_fetch(issuer_alias, failed=error.code if error else "")
    signals.keys_refreshed.send_robust(
        sender=KeyRing, issuer_alias=issuer_alias, error=error
    )


def reset() -> None:
    """Forget the resource server; the next use makes a new one."""
    global _server, _lock  # noqa: PLW0603 -- a lock may be held by a thread that is gone
    _lock = threading.Lock()
    _server = None


on_change(reset)
os.register_at_fork(after_in_child=reset)
