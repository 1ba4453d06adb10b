"""One case at the core: the issuer's settings, one token, and the verdict on it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import pytest

from django_oidc_rs.conf import parse
from django_oidc_rs.core.access_token import AccessToken
from django_oidc_rs.core.errors import ResourceServerError
from django_oidc_rs.core.issuers import IssuerPolicy
from django_oidc_rs.core.jwk import parse_jwk_set, shared_secret_keys
from django_oidc_rs.core.resource_server import ResourceServer
from django_oidc_rs.testing.signing import SigningKey
from tests.core.builders import (
    AUDIENCE,
    ISSUER,
    FakeKeys,
    claims,
    edited,
    header,
    key,
    server,
    sign,
    validator,
)

__all__ = ["SECRET", "Case", "check", "policy_of", "problems_of"]

SECRET = "0123456789abcdef0123456789abcdef"


@dataclass(frozen=True, kw_only=True)
class Case:
    """A token and what becomes of it; by default it is good and costs nothing.

    Attributes:
        raises, at: the refusal, and the claim or header parameter at fault.
        settings: keys of the issuer's settings.
        claims, header: edits of the good ones; bytes replace them whole.
        signer, algorithm: who signs it, and how.
        mangle, raw: what becomes of it afterwards; the token itself.
        jwks: the set published; by default the good signer's key.
        hits: how often newer keys are asked for.
        facts: what the access token says, attribute by attribute.
    """

    raises: type[ResourceServerError] | None = None
    at: str | None = None
    settings: Mapping[str, object] = field(default_factory=dict)
    claims: Mapping[str, object] | bytes = field(default_factory=dict)
    header: Mapping[str, object] | bytes = field(default_factory=dict)
    signer: Callable[[], SigningKey] = key
    algorithm: str | None = None
    mangle: Callable[[str], str] = str
    raw: Callable[[], str] | None = None
    jwks: Callable[[], list[object]] | None = None
    hits: int = 0
    facts: Mapping[str, object] = field(default_factory=dict)

    def token(self) -> str:
        """Return the raw token."""
        if self.raw is not None:
            return self.raw()
        signer = self.signer()
        body, head = self.claims, self.header
        usual = {"alg": self.algorithm or signer.algorithm, "kid": signer.key_id}
        return self.mangle(
            sign(
                body if isinstance(body, bytes) else claims(**body),
                head if isinstance(head, bytes) else edited(header(**usual), head),
                signer=signer,
                algorithm=self.algorithm,
            )
        )

    def good(self) -> str:
        """Return a token that must pass wherever this one was tried."""
        if "SHARED_SECRET" not in self.settings:
            return sign()
        signer = SigningKey("HS256", key_id="h1", secret=SECRET.encode())
        return sign(header_=header(alg="HS256", kid="h1"), signer=signer)


def _parse(settings: Mapping[str, object]):
    issuer = {"ISSUER": ISSUER, **settings}
    return parse({"AUDIENCE": AUDIENCE, "ISSUERS": {"default": issuer}})


def problems_of(settings: Mapping[str, object]) -> list[str]:
    """Return the IDs of the errors with an issuer's settings."""
    return [problem.id for problem in _parse(settings)[1] if problem.is_error]


def policy_of(settings: Mapping[str, object]) -> IssuerPolicy:
    """Return the issuer policy of settings that have no problem."""
    config, problems = _parse(settings)
    assert not problems
    return config.issuers[0]


def _serve(case: Case) -> tuple[ResourceServer, FakeKeys]:
    policy = policy_of(case.settings)
    if policy.shared_secret is not None:
        keys = FakeKeys(shared_secret_keys(policy.shared_secret))
    else:
        document = {"keys": case.jwks() if case.jwks else [key().public_jwk()]}
        keys = FakeKeys(parse_jwk_set(document, algorithms=policy.algorithms))
    return server(validator(policy, keys)), keys


def check(case: Case) -> AccessToken | ResourceServerError:
    """Try the token between two good ones; return the access token or the refusal."""
    tried, keys = _serve(case)
    assert tried.validate(case.good())
    raw_token = case.token()
    verdict: AccessToken | ResourceServerError
    if case.raises is None:
        verdict = tried.validate(raw_token)
        for name, value in case.facts.items():
            assert getattr(verdict, name) == value
    else:
        with pytest.raises(ResourceServerError) as caught:
            tried.validate(raw_token)
        verdict = caught.value
        assert (type(verdict), verdict.claim) == (case.raises, case.at)
        assert (verdict.status, verdict.error) == (401, "invalid_token")
    assert keys.asked == case.hits
    assert tried.validate(case.good())
    return verdict
