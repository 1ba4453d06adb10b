"""From one fault to one request: settings, issuers, clock, a good token and a bad one.

Rows are ``Fault`` records, the ones of the core's tests among them; what those say of
the refusal, the log must say after the fault came in over HTTP.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import pytest
from django.test import override_settings

from django_oidc_rs.conf import get_config
from django_oidc_rs.core.errors import MalformedToken
from django_oidc_rs.core.issuers import IssuerPolicy
from django_oidc_rs.testing import FakeClock, FakeIssuer, install
from tests.attacks.apis import PATHS
from tests.attacks.harness import HANDLERS, Outcome, Sent, strike
from tests.core.builders import AUDIENCE, NOW, edited
from tests.core.faults import FAULTS, GOOD, Fault
from tests.core.faults.records import Good
from tests.core.test_faults import make_token

__all__ = [
    "IR",
    "IS",
    "IT",
    "NA",
    "OK",
    "Scene",
    "Several",
    "faults_of",
    "merged",
    "on_every_handler",
    "scene_of",
    "staged",
    "strike_fault",
    "strike_sent",
    "tokens_of",
]

IT = Outcome(401, "invalid_token")
IR = Outcome(400, "invalid_request")
IS = Outcome(403, "insufficient_scope")
NA = Outcome(401)
OK = Outcome(200)

on_every_handler = pytest.mark.parametrize("handler", list(HANDLERS))

# The longest that MAX_TOKEN_LENGTH may be.
_LONGEST = 1_048_576
_FAULTLESS = Fault("", MalformedToken)
_SETTINGS = {
    "algorithms": "ALGORITHMS",
    "allow_nonce": "ALLOW_NONCE",
    "audience": "AUDIENCE",
    "leeway": "LEEWAY",
    "max_token_age": "MAX_TOKEN_AGE",
    "required_claims": "REQUIRED_CLAIMS",
    "validators": "VALIDATORS",
}


@dataclass(frozen=True)
class Scene:
    """What stands ready: the issuers asked for keys, a token that opens, one that not.

    ``issuer`` answers ``knows(url)``, as the harness wants.
    """

    issuer: Any
    good: str
    bad: str


@dataclass(frozen=True)
class Several:
    """Issuers, in the place of one."""

    issuers: tuple[FakeIssuer, ...]

    def knows(self, url: str) -> bool:
        """Whether ``url`` is an address of one of them."""
        return any(issuer.knows(url) for issuer in self.issuers)


def faults_of(number: int) -> dict[str, Fault]:
    """Return the core's faults of one row, each ID beginning with its number."""
    mark = f"A{number}"
    found = {}
    for fault in FAULTS:
        rows = re.findall(r"\bA\d+\b", fault.id)
        if rows == [mark]:
            rest = [part for part in fault.id.split("-") if part != mark]
            found["-".join([mark, *rest])] = fault
    return found


def merged(*tables: Mapping[str, Any]) -> dict[str, Any]:
    """Return the rows of all ``tables``, none of which may hide another."""
    made: dict[str, Any] = {}
    for table in tables:
        assert not made.keys() & table.keys(), made.keys() & table.keys()
        made.update(table)
    return made


def _setting(value: object) -> object:
    if isinstance(value, frozenset | tuple):
        return sorted(
            f"{item.__module__}.{item.__name__}" if callable(item) else item
            for item in value
        )
    return value


def _settings_of(fault: Fault) -> dict[str, Any]:
    policy = {_SETTINGS[name]: _setting(value) for name, value in fault.policy.items()}
    return {
        "AUDIENCE": AUDIENCE,
        "MAX_TOKEN_LENGTH": min(fault.max_token_length, _LONGEST),
        "ISSUERS": {"default": {**GOOD[fault.good].settings, **policy}},
    }


def _good_of(fault: Fault) -> Good:
    good = GOOD[fault.good]
    if fault.good_signer is not None:
        good = replace(good, signer=fault.good_signer)
    return replace(good, claims=edited(good.claims, fault.good_claims))


def tokens_of(fault: Fault) -> tuple[str, str]:
    """Return the good token and the one with the fault."""
    good = _good_of(fault)
    bad = (
        fault.raw()
        if fault.raw
        else make_token(
            good,
            claims=fault.claims,
            header=fault.header,
            signer=fault.signer and fault.signer(),
            algorithm=fault.algorithm,
        )
    )
    return make_token(good), fault.mangle(bad) if fault.mangle else bad


def _played(policy: IssuerPolicy, clock: FakeClock) -> FakeIssuer:
    # Its own key is never used; an RSA key would take a while to make.
    algorithm = None if policy.shared_secret else "ES256"
    return FakeIssuer(policy, algorithm=algorithm, clock=clock)


@contextmanager
def staged(
    settings: Mapping[str, Any], *published: Iterable[object]
) -> Iterator[tuple[FakeIssuer, ...]]:
    """Play every issuer of ``settings`` at ``NOW``; each publishes its JWKs.

    Without middleware, each of which costs an async request two threads' turns: what a
    token is worth is decided below it. The tests of the transport have it all.
    """
    clock = FakeClock(NOW)
    with override_settings(OIDC_RS=settings, MIDDLEWARE=[]):
        issuers = [_played(policy, clock) for policy in get_config().issuers]
        for issuer, keys in zip(issuers, published, strict=True):
            issuer.published = list(keys)
        with install(*issuers, clock=clock):
            yield tuple(issuers)


@contextmanager
def scene_of(fault: Fault) -> Iterator[Scene]:
    """Stage one fault of one issuer."""
    signer = _good_of(fault).signer()
    if fault.jwks is not None:
        published = fault.jwks()
    else:
        published = [] if signer.algorithm == "HS256" else [signer.public_jwk()]
    with staged(_settings_of(fault), published) as (issuer,):
        yield Scene(issuer, *tokens_of(fault))


def strike_fault(
    fault: Fault, caplog: Any, monkeypatch: Any, outcome: Outcome = IT
) -> None:
    """Send the fault over both handlers; it is refused for the very reason it has.

    An ``outcome`` other than ``invalid_token`` has another reason, or none.
    """
    for handler, url in PATHS.items():
        with scene_of(fault) as scene:
            reason = fault.raises.code
            if len(scene.bad) > _LONGEST:
                reason = "token_too_long"
            strike(
                Sent((f"Bearer {scene.bad}",)),
                outcome,
                url=url,
                handler=handler,
                issuer=scene.issuer,
                good=scene.good,
                caplog=caplog,
                monkeypatch=monkeypatch,
                may_fetch=fault.asks,
                reason=reason if outcome == IT else None,
            )


def strike_sent(
    make: Callable[[str], Sent], outcome: Outcome, caplog: Any, monkeypatch: Any
) -> None:
    """Send over both handlers what ``make`` makes of a good token."""
    for handler, url in PATHS.items():
        with scene_of(_FAULTLESS) as scene:
            strike(
                make(scene.good),
                outcome,
                url=url,
                handler=handler,
                issuer=scene.issuer,
                good=scene.good,
                caplog=caplog,
                monkeypatch=monkeypatch,
            )
