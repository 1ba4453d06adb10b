"""Stand-ins for the seams of a key ring: network, store, threads."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Mapping
from functools import cache

from django_oidc_rs.core.clock import Clock
from django_oidc_rs.core.http import FetchedDocument, FetchError
from django_oidc_rs.core.issuers import DEFAULT_ALGORITHMS, IssuerPolicy
from django_oidc_rs.core.keys import KeyRing, MemoryKeyStore, StoreError
from django_oidc_rs.testing.signing import SigningKey

ISSUER = "https://issuer.test"
JWKS_URI = "https://keys.test/jwks"
PATIENCE = 30


def make_policy(**fields: object) -> IssuerPolicy:
    given: dict[str, object] = {
        "alias": "default",
        "issuer": ISSUER,
        "audience": frozenset(("https://api.test",)),
        "algorithms": frozenset(DEFAULT_ALGORITHMS),
        "jwks_uri": JWKS_URI,
    }
    return IssuerPolicy(**{**given, **fields})


@cache
def signing_key(name: str) -> SigningKey:
    return SigningKey("ES256", key_id=name)


def jwks(*names: str) -> bytes:
    return json.dumps(
        {"keys": [signing_key(name).public_jwk() for name in names]}
    ).encode()


class Network:
    """A ``Fetch`` that counts; serves the keys named in ``serve`` until told otherwise.

    ``answer`` may be bytes, a ``FetchError``, another exception, or a function that
    returns one of them.
    """

    def __init__(self, *names: str) -> None:
        self.asked: list[str] = []
        self.trusted: list[bool] = []
        self.sent: list[dict[str, str]] = []
        self.pages: dict[str, object] = {}
        self.headers: dict[str, str] = {}
        self.public_address = True
        self.serve(*names)

    def serve(self, *names: str) -> None:
        self.answer: object = jwks(*names)

    def fail(self, code: str = "timeout", status: int | None = None) -> None:
        self.answer = FetchError(code, status=status)

    @property
    def hits(self) -> int:
        return len(self.asked)

    def __call__(
        self,
        url: str,
        *,
        trusted_address: bool,
        headers: Mapping[str, str] | None = None,
    ) -> FetchedDocument:
        self.asked.append(url)
        self.trusted.append(trusted_address)
        self.sent.append(dict(headers or {}))
        answer = self.pages.get(url, self.answer)
        if callable(answer):
            answer = answer()
        if isinstance(answer, BaseException):
            raise answer
        if isinstance(answer, FetchedDocument):
            return answer
        return FetchedDocument(
            url=url,
            status=200,
            body=answer,
            headers=self.headers,
            public_address=self.public_address,
        )


class Store(MemoryKeyStore):
    """A store that counts, and can fail or give what it is told to."""

    def __init__(self, clock: Clock | None = None) -> None:
        super().__init__(clock)
        self.loads = 0
        self.load_error: Exception | None = None
        self.publish_error: Exception | None = None
        self.before_load: Callable[[], object] = lambda: None
        self.before_publish: Callable[[], object] = lambda: None
        self.before_admit: Callable[[], object] = lambda: None

    def load(self, issuer):
        self.loads += 1
        self.before_load()
        if self.load_error is not None:
            raise self.load_error
        return super().load(issuer)

    def publish(self, record, *, replacing):
        self.before_publish()
        if self.publish_error is not None:
            raise self.publish_error
        return super().publish(record, replacing=replacing)

    def admit(self, issuer, *, holder, cooldown):
        self.before_admit()
        if self.publish_error is not None:
            raise self.publish_error
        return super().admit(issuer, holder=holder, cooldown=cooldown)

    def settle(self, issuer, *, holder, outcome):
        if self.publish_error is not None:
            raise self.publish_error
        super().settle(issuer, holder=holder, outcome=outcome)

    def last_error(self, issuer):
        if self.load_error is not None:
            raise self.load_error
        return super().last_error(issuer)

    def put(self, record):
        """Write past compare-and-set, as an editor of the row would."""
        self._records[record.issuer] = record
        self._published_at.pop(record.issuer, None)

    def flush(self):
        self._records.clear()

    def break_down(self):
        self.load_error = self.publish_error = StoreError("down")


class Hand:
    """A ``spawn`` that runs nothing until told to."""

    def __init__(self) -> None:
        self.waiting: list[Callable[[], None]] = []

    def __call__(self, work: Callable[[], None]) -> None:
        self.waiting.append(work)

    def run(self) -> None:
        while self.waiting:
            self.waiting.pop(0)()


def inline(work: Callable[[], None]) -> None:
    work()


def in_thread(work: Callable[[], None]) -> None:
    threading.Thread(target=work, daemon=True).start()


class Shifted:
    """The clock of another host, so many seconds off."""

    def __init__(self, clock: Clock, seconds: float) -> None:
        self.monotonic = clock.monotonic
        self.advance = clock.advance
        self._clock = clock
        self._seconds = seconds

    def now(self) -> float:
        return self._clock.now() + self._seconds


class Process:
    """One process of a deployment: a ring, with what it was given at hand."""

    def __init__(
        self,
        network: Network,
        *,
        clock: Clock,
        store: Store | None = None,
        spawn: Callable[[Callable[[], None]], None] = inline,
        jitter: float = 0.5,
        pause: Callable[[float], None] | None = None,
        on_refresh: Callable[..., None] | None = None,
        **policy: object,
    ) -> None:
        self.network = network
        self.clock = clock
        self.store = store if store is not None else Store(clock)
        self.reports: list[str | None] = []
        self.ring = KeyRing(
            make_policy(**policy),
            clock=clock,
            fetch=network,
            store=self.store,
            spawn=spawn,
            jitter=lambda: jitter,
            pause=pause or clock.advance,
            on_refresh=on_refresh or self._note,
        )

    def _note(self, alias, error):
        self.reports.append(error.code if error else None)

    def is_awaited(self) -> bool:
        """Whether a request is waiting right now, and not only about to."""
        return bool(self.ring._runway.progress._waiters)

    def names(self, *, wait: bool = True) -> list[str | None]:
        """What a request with a known key finds."""
        return named(self.ring.snapshot(wait=wait))

    def find(self, name: str, *, wait: bool = True) -> bool:
        """Whether a request with this ``kid`` finds its key."""
        snapshot = self.ring.snapshot_with(
            lambda keys: bool(keys.matching(name, "ES256")), wait=wait
        )
        return name in named(snapshot)


def named(snapshot) -> list[str | None]:
    return [key.key_id for key in snapshot.keys.keys]


class Threads:
    """Runs calls side by side and keeps what each returned or raised."""

    def __init__(self) -> None:
        self.results: list[object] = []
        self._threads: list[threading.Thread] = []

    def start(self, call: Callable[[], object]) -> None:
        def run() -> None:
            try:
                result = call()
            except Exception as error:  # noqa: BLE001 -- the result to look at
                result = error
            self.results.append(result)

        thread = threading.Thread(target=run, daemon=True)
        self._threads.append(thread)
        thread.start()

    def join(self) -> list[object]:
        for thread in self._threads:
            thread.join(PATIENCE)
            assert not thread.is_alive()
        return self.results


def until(condition: Callable[[], object]) -> None:
    """Give way to other threads until ``condition`` holds."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end
        os.sched_yield()
