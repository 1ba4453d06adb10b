"""May this process fetch now? Its own limits first, then those of the whole fleet."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from typing import Protocol
from uuid import uuid4

from ..issuers import IssuerPolicy
from .fleet import Admission, Outcome, Verdict
from .limits import Backoff, Budget, pause_after
from .records import KeyStore

__all__ = ["ClosedGate", "FetchGate", "FleetGate"]

logger = logging.getLogger("django_oidc_rs.keys")

_STAND_BACK = 1.0


class FetchGate(Protocol):
    """What a key ring asks before it fetches. Times are monotonic seconds."""

    @property
    def failing(self) -> bool:
        """Whether the last fetch, of this process or another, failed."""
        ...

    @property
    def not_before(self) -> float:
        """When the next routine fetch may begin."""
        ...

    @property
    def last_error(self) -> str:
        """The code of the last failure, "" after a success."""
        ...

    @property
    def agreed(self) -> bool:
        """Whether the leave to fetch is the fleet's, not only this process's own."""
        ...

    def is_outage(self, now: float) -> bool:
        """Whether the issuer is known to be down, from an attempt not long ago."""
        ...

    def is_open(self, now: float, *, unknown_key: bool) -> bool:
        """Whether it makes sense to ask for leave; costs nothing."""
        ...

    def admit(self, now: float, *, unknown_key: bool) -> Verdict:
        """Ask for leave to fetch; ``GRANTED`` ends with ``succeeded`` or ``failed``."""
        ...

    def stand_back(self, now: float) -> None:
        """Leave the fetch of another process alone for a second."""
        ...

    def succeeded(self) -> None:
        """Say that the fetch brought keys, and that they are published."""
        ...

    def failed(self, now: float, error: str) -> None:
        """Say that the fetch failed; ``error`` is a stable code."""
        ...

    def recovered(self) -> None:
        """Say that another process brought fresh keys."""
        ...


class ClosedGate:
    """For keys that only the command fetches: this process opens no connection."""

    failing = False
    not_before = math.inf
    last_error = ""
    agreed = False

    def is_outage(self, now: float) -> bool:
        """Stale keys are the rule here and make nobody wait."""
        del now
        return True

    def is_open(self, now: float, *, unknown_key: bool) -> bool:
        """Never."""
        del now, unknown_key
        return False

    def admit(self, now: float, *, unknown_key: bool) -> Verdict:
        """Never."""
        del now, unknown_key
        return Verdict.BACKING_OFF

    def stand_back(self, now: float) -> None:
        """Nothing to do."""

    def succeeded(self) -> None:
        """Nothing to do."""

    def failed(self, now: float, error: str) -> None:
        """Nothing to do."""

    def recovered(self) -> None:
        """Nothing to do."""


class FleetGate:
    """One fetch at a time, within the budget and the backoff of the whole fleet.

    While the store cannot be asked, the limits of this process alone apply.
    """

    def __init__(
        self, policy: IssuerPolicy, *, store: KeyStore, jitter: Callable[[], float]
    ) -> None:
        """Start open."""
        self._policy = policy
        self._store = store
        self._jitter = jitter
        self._budget = Budget(cooldown=policy.keys.cooldown)
        self._backoff = Backoff(jitter=jitter)
        self._holder = uuid4().hex
        self._standing_back_until = -math.inf
        # The fleet's leave; None if there is none, or only this process's own.
        self._admission: Admission | None = None
        self._last_error = ""

    @property
    def failing(self) -> bool:
        """Whether the last fetch, of this process or another, failed."""
        return self._backoff.failing

    @property
    def last_error(self) -> str:
        """The code of the last failure, "" after a success."""
        return self._last_error

    @property
    def agreed(self) -> bool:
        """Whether the leave to fetch is the fleet's, not only this process's own."""
        return self._admission is not None

    @property
    def not_before(self) -> float:
        """When the next routine fetch may begin."""
        return max(self._backoff.not_before, self._standing_back_until)

    def is_outage(self, now: float) -> bool:
        """Whether the issuer is known to be down, from an attempt not long ago."""
        return self._backoff.is_outage(now)

    def is_open(self, now: float, *, unknown_key: bool) -> bool:
        """Whether it makes sense to ask for leave; costs nothing."""
        if unknown_key:
            return now >= self._backoff.not_before and self._budget.available(now)
        return now >= self.not_before

    def admit(self, now: float, *, unknown_key: bool) -> Verdict:
        """Ask the fleet, and remember a refusal as long as it lasts."""
        cooldown = self._policy.keys.cooldown if unknown_key else None
        try:
            answer = self._store.admit(
                self._policy.issuer, holder=self._holder, cooldown=cooldown
            )
        except Exception as error:  # noqa: BLE001 -- keys can be had without the store
            self._warn(error)
            verdict, self._admission = Verdict.GRANTED, None
        else:
            verdict = answer.verdict
            self._admission = answer if verdict is Verdict.GRANTED else None
            self._remember(answer, now)
        if unknown_key and verdict is Verdict.GRANTED:
            self._budget.spend(now)
        return verdict

    def _remember(self, answer: Admission, now: float) -> None:
        if answer.verdict is Verdict.EXHAUSTED:
            self._budget.exhausted(until=now + answer.pause)
        if answer.verdict is not Verdict.LEASED and answer.failures:
            # Granted or not: what another process met is known here too.
            pause = answer.pause if answer.verdict is Verdict.BACKING_OFF else 0
            self._backoff.adopt(failures=answer.failures, until=now + pause)
            self._last_error = answer.error

    def stand_back(self, now: float) -> None:
        """Leave the fetch of another process alone for a second."""
        self._standing_back_until = now + _STAND_BACK

    def succeeded(self) -> None:
        """Forget failures, here and in the fleet, and give the leave back."""
        self.recovered()
        self._settle(Outcome())

    def failed(self, now: float, error: str) -> None:
        """Count a failure, here and in the fleet, and give the leave back."""
        self._last_error = error
        if self._admission is None:
            self._backoff.failed(now)
            return
        failures, jitter = self._admission.failures + 1, self._jitter()
        self._backoff.adopt(
            failures=failures, until=now + pause_after(failures, jitter)
        )
        self._settle(Outcome(error=error, jitter=jitter))

    def recovered(self) -> None:
        """Forget failures: somebody has fetched."""
        self._last_error = ""
        self._backoff.succeeded()

    def _settle(self, outcome: Outcome) -> None:
        if self._admission is None:
            return
        self._admission = None
        try:
            self._store.settle(
                self._policy.issuer, holder=self._holder, outcome=outcome
            )
        except Exception as error:  # noqa: BLE001 -- the lease runs out by itself
            self._warn(error)

    def _warn(self, error: Exception) -> None:
        alias = self._policy.alias
        logger.warning(
            "Keys of issuer %s: store_unreachable: %s. Fetches are limited by process "
            "until the database, or the cache that KEYS.STORE names, can be written.",
            alias,
            error,
            extra={"reason": "store_unreachable", "issuer_alias": alias},
        )
