"""What a good token and a fault are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY, dataclass, field

from django_oidc_rs.core.errors import ResourceServerError
from django_oidc_rs.testing.signing import SigningKey

from ..builders import key


@dataclass(frozen=True, kw_only=True)
class Good:
    """An issuer as it stands in settings, and a token as that issuer sends it."""

    settings: Mapping[str, object]
    claims: Mapping[str, object]
    typ: object = "JWT"
    signer: Callable[[], SigningKey] = key
    subject: str | None = "alice"
    client_id: str | None = "app"
    scopes: frozenset[str] = frozenset()
    is_machine: bool = False


@dataclass(frozen=True)
class Fault:
    """One thing wrong with a token that is good otherwise.

    Attributes:
        raises, claim: the refusal.
        good: whose token it is, by name in ``GOOD``.
        claims, header: edits of the good ones; bytes replace them whole.
        signer: who signs the faulty token; the good one's signer by default.
        algorithm: how, where not as the signer's name says.
        mangle: what becomes of the faulty token after it was signed.
        raw: the faulty token, where nothing of the good one is left.
        policy: fields of the issuer policy, for the good token too.
        good_claims, good_signer: what makes the good token good under that policy.
        jwks: the set the issuer publishes; by default the good signer's key.
        asks: whether newer keys are asked for; only a good token may cost a fetch.
    """

    id: str
    raises: type[ResourceServerError]
    claim: str | None = None
    _: KW_ONLY
    good: str = "default"
    claims: Mapping[str, object] | bytes = field(default_factory=dict)
    header: Mapping[str, object] | bytes = field(default_factory=dict)
    signer: Callable[[], SigningKey] | None = None
    algorithm: str | None = None
    mangle: Callable[[str], str] | None = None
    raw: Callable[[], str] | None = None
    policy: Mapping[str, object] = field(default_factory=dict)
    good_claims: Mapping[str, object] = field(default_factory=dict)
    good_signer: Callable[[], SigningKey] | None = None
    jwks: Callable[[], list[object]] | None = None
    max_token_length: int = 16384
    asks: bool = False
