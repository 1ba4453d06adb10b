"""A store that may hang: asked in a thread of its own, and given up on in time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from typing import TypeVar

from .fleet import Admission, Outcome
from .records import KeyRecord, KeyStore, StoreError

__all__ = ["BoundedStore"]

_T = TypeVar("_T")

_READ = 1.0
_WRITE = 0.25
# Of so many times that span, while the queue moves: many issuers may ask at once.
_MAX_TURNS = 20
# So that the calls of one refresh share a connection.
_LINGER = 0.2


class BoundedStore:
    """``KeyStore`` whose calls take 1 s (reading) or 250 ms (writing) at most.

    One thread at a time asks the store behind it, on one connection. While a call
    hangs, every other one fails at once: a store that is gone costs one thread, however
    long it takes.
    """

    def __init__(
        self, store: KeyStore, *, spawn: Callable[[Callable[[], None]], None]
    ) -> None:
        """Take the store, and ``spawn``, which runs a function in another thread."""
        self._store = store
        self._spawn = spawn
        self._lock = threading.Lock()
        self._jobs: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._working = False
        self._late: Future[object] | None = None
        self._done = 0

    def load(self, issuer: str) -> KeyRecord | None:
        """See ``KeyStore``."""
        return self._ask(lambda: self._store.load(issuer), _READ)

    def publish(self, record: KeyRecord, *, replacing: int) -> KeyRecord | None:
        """See ``KeyStore``."""
        return self._ask(
            lambda: self._store.publish(record, replacing=replacing), _WRITE
        )

    def admit(self, issuer: str, *, holder: str, cooldown: float | None) -> Admission:
        """See ``KeyStore``."""
        return self._ask(
            lambda: self._store.admit(issuer, holder=holder, cooldown=cooldown), _WRITE
        )

    def settle(self, issuer: str, *, holder: str, outcome: Outcome) -> None:
        """See ``KeyStore``."""
        self._ask(
            lambda: self._store.settle(issuer, holder=holder, outcome=outcome), _WRITE
        )

    def last_error(self, issuer: str) -> str:
        """See ``KeyStore``."""
        return self._ask(lambda: self._store.last_error(issuer), _READ)

    def _ask(self, call: Callable[[], _T], seconds: float) -> _T:
        """Return what ``call`` returns, or raise what it raises, within ``seconds``.

        Raises:
            StoreError: it takes longer, or an earlier call has not come back yet.
        """
        if self._late is not None and not self._late.done():
            raise StoreError("an earlier call has not come back")
        answer: Future[_T] = Future()
        with self._lock:
            self._jobs.put(lambda: _run(call, answer))
            start, self._working = not self._working, True
        if start:
            self._start(answer)
        if not self._comes(answer, seconds):
            if answer.cancel():
                # It never began: the thread that should do it may have been lost.
                self._working = False
            else:
                self._late = answer  # type: ignore[assignment]  # its type is not looked at
            raise StoreError(f"no answer within {seconds} s")
        return answer.result()

    def _comes(self, answer: Future[_T], seconds: float) -> bool:
        """Wait for ``answer``; those before it in the queue have their own time."""
        for _turn in range(_MAX_TURNS):
            done = self._done
            try:
                answer.exception(seconds)
            except TimeoutError:
                if answer.running() or self._done == done:
                    return False
            else:
                return True
        return False

    def _start(self, answer: Future[_T]) -> None:
        caller = threading.get_ident()
        try:
            self._spawn(lambda: self._work(caller))
        except Exception as error:
            answer.cancel()
            self._working = False
            raise StoreError("no thread to ask it") from error

    def _work(self, caller: int) -> None:
        """Do what is asked, and leave when nothing has been for a while."""
        # Where no threads are to be had, the caller itself is here.
        patience = 0 if threading.get_ident() == caller else _LINGER
        while True:
            try:
                job = self._jobs.get(timeout=patience)
            except Empty:
                with self._lock:
                    if self._jobs.empty():
                        self._working = False
                        return
            else:
                job()
                self._done += 1


def _run(call: Callable[[], _T], answer: Future[_T]) -> None:
    if not answer.set_running_or_notify_cancel():
        return
    try:
        answer.set_result(call())
    except BaseException as error:  # noqa: BLE001 -- raised where it was asked for
        answer.set_exception(error)
