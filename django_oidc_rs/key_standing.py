"""How an issuer's keys stand, in words: what the admin's pages say."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from .conf import get_config
from .core.issuers import IssuerPolicy
from .core.jwk import VerificationKey
from .management.table import duration, shown
from .stored_keys import StoredKeys, stored_keys

__all__ = ["NOT_CONFIGURED", "Standing", "policies"]

NOT_CONFIGURED = "not in OIDC_RS"
_STATES = {"healthy": "fresh", "stale": "stale", "no_keys": "none"}
_KEYS_SHOWN = 8


def policies() -> dict[str, IssuerPolicy]:
    """Return the issuer policies of the settings, by identifier."""
    return {policy.issuer: policy for policy in get_config().issuers}


class Standing:
    """One issuer's keys, in words that are safe to show: others wrote some of them.

    Attributes:
        issuer: the identifier.
        policy: None if the settings do not name the issuer (any more).
    """

    def __init__(self, issuer: str) -> None:
        """Look the issuer up in the settings; the key store is asked when it has to."""
        self.issuer = shown(issuer, 200)
        self.policy = policies().get(issuer)

    @cached_property
    def _stored(self) -> StoredKeys | None:
        return None if self.policy is None else stored_keys(self.policy)

    @property
    def alias(self) -> str:
        """The name in ``ISSUERS``."""
        return NOT_CONFIGURED if self.policy is None else shown(self.policy.alias)

    @property
    def may_be_fetched(self) -> bool:
        """Whether there is anything to ask the issuer for."""
        return self.policy is not None and self.policy.fetches_keys

    @property
    def state(self) -> str:
        """Fresh, stale or none; or where else the keys come from."""
        if self._stored is None:
            return NOT_CONFIGURED
        if self.may_be_fetched:
            return _STATES[self._stored.status.state]
        uses_keys = self.policy is not None and self.policy.uses_keys
        return "in the settings" if uses_keys else "not used: the issuer is asked"

    @property
    def age(self) -> str | None:
        """Since they were fetched."""
        return None if self._stored is None else _time(self._stored.status.age)

    @property
    def serves_for(self) -> str | None:
        """How long they will serve if no newer ones come."""
        return None if self._stored is None else _time(self._stored.status.usable_for)

    @property
    def next_refresh(self) -> str | None:
        """When requests fetch newer ones."""
        if self._stored is None or not self.may_be_fetched:
            return None
        seconds = self._stored.status.next_attempt
        if seconds is None:
            return "by sync_oidc_keys alone"
        return f"in {duration(seconds)}" if seconds > 0 else "with the next token"

    @property
    def last_error(self) -> str | None:
        """What went wrong last, if nothing went well since; else None."""
        if self._stored is None:
            return None
        error = shown(self._stored.status.last_error)
        times = f"{error} ({self._stored.failures} in a row)" if error else ""
        return (
            "; ".join(filter(None, (shown(self._stored.problem, 300), times))) or None
        )

    @property
    def key_ids(self) -> str | None:
        """The usable keys' IDs, the first of them if there are many."""
        names = [shown(key.key_id or "-", 44) for key, _ in self._keys()]
        more = len(names) - _KEYS_SHOWN
        if more > 0:
            names[_KEYS_SHOWN:] = [f"and {more} more"]
        return ", ".join(names) or None

    @property
    def algorithms(self) -> str | None:
        """What tokens may be signed with: allowed, and a key is there for it."""
        names = {name for _, fitting in self._keys() for name in fitting}
        return ", ".join(sorted(names)) or None

    @property
    def keys(self) -> SafeString | None:
        """A line for each key of the set, those that are not used too."""
        lines = [
            f"{shown(key.key_id or '-')}: {', '.join(fitting)}"
            for key, fitting in self._keys()
        ]
        lines += [
            f"{shown(key.key_id or '-')}: not used, {key.reason}"
            for key in (self._stored.refused if self._stored else ())
        ]
        return format_html_join("", "<div>{}</div>", zip(lines)) if lines else None

    def _keys(self) -> Iterator[tuple[VerificationKey, list[str]]]:
        if self.policy is None or self._stored is None:
            return
        allowed = sorted(self.policy.algorithms)
        for key in self._stored.keys:
            yield key, [name for name in allowed if key.fits(name)]


def _time(seconds: float | None) -> str | None:
    return None if seconds is None else duration(seconds)
