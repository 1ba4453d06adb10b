"""The composition root: ``Config`` -> one ``ResourceServer`` per process.

Lazy, so that start-up does no work; fork-safe, so that gunicorn's ``--preload`` shares
no locks between workers.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from . import signals
from .answer_cache import DjangoAnswerCache
from .cache_store import CacheKeyStore
from .conf import get_config, on_change
from .core.answers import AnswerCache, Answers, NoAnswerCache
from .core.clock import Clock, SystemClock
from .core.http import Fetch, FetchedDocument, FetchError, HttpClient, Post
from .core.introspection import IntrospectionClient
from .core.introspection_validator import IntrospectionValidator
from .core.issuers import DATABASE, IntrospectionPolicy, IssuerPolicy
from .core.jwk import VerificationKeys, parse_jwk_set, shared_secret_keys
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
from .core.token_cache import TokenCache
from .stores import DatabaseKeyStore, closing_connections
from .telemetry import count_fetch, count_introspection

__all__ = ["Seams", "get_resource_server", "get_seams", "reset", "substitute"]


def _no_post(url: str, **_request: object) -> FetchedDocument:
    """Stand for an endpoint that cannot be asked: where nobody said how."""
    raise FetchError("connect", f"no way to ask {url}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Seams:
    """Where the world comes in: time, network, store, threads.

    ``spawn`` runs a function off the request path. ``cache`` makes the key store for an
    alias of ``CACHES``; without it every issuer uses ``store``. ``post`` asks about
    tokens, ``answers`` keeps what it is told, and ``pause`` sleeps so many seconds.
    """

    clock: Clock
    fetch: Fetch
    store: KeyStore
    spawn: Callable[[Callable[[], None]], None]
    cache: Callable[[str], KeyStore] | None = None
    post: Post = _no_post
    answers: AnswerCache = field(default_factory=NoAnswerCache)
    pause: Callable[[float], None] = time.sleep

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
    config, database = get_config(), DatabaseKeyStore()
    client = HttpClient(config.http)
    return Seams(
        clock=SystemClock(),
        fetch=client,
        post=client.post,
        answers=DjangoAnswerCache(config.cache),
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
    keys = {
        policy.issuer: _keys(policy, seams, stores[policy.keys.store])
        for policy in config.issuers
    }
    return ResourceServer(
        {
            policy.issuer: JwtValidator(
                policy, keys=keys[policy.issuer], clock=seams.clock
            )
            for policy in config.issuers
        },
        introspection={
            policy.issuer: _introspection(policy, asked, seams, keys[policy.issuer])
            for policy in config.issuers
            if (asked := policy.introspection) is not None
        },
        cache=(
            TokenCache(config.token_cache, clock=seams.clock)
            if config.token_cache.size
            else None
        ),
        max_token_length=config.max_token_length,
    )


def _introspection(
    policy: IssuerPolicy, asked: IntrospectionPolicy, seams: Seams, keys: KeySource
) -> IntrospectionValidator:
    client = IntrospectionClient(
        policy,
        asked,
        keys=keys,
        clock=seams.clock,
        fetch=seams.fetch,
        post=seams.post,
        on_answer=count_introspection,
    )
    answers = Answers(
        client.ask,
        scope=(policy.issuer, asked.endpoint or "", asked.credentials.client_id),
        cache_seconds=asked.cache_seconds,
        cache=seams.answers,
        clock=seams.clock,
        pause=seams.pause,
    )
    return IntrospectionValidator(policy, asked, answers=answers, clock=seams.clock)


def _keys(policy: IssuerPolicy, seams: Seams, store: KeyStore) -> KeySource:
    if not policy.uses_keys:
        return StaticKeys(VerificationKeys(()))
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
