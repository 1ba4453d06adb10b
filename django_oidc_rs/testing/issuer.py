"""FakeIssuer: an issuer with real keys and signatures, and no network."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

from django.core.exceptions import ImproperlyConfigured

from .. import wiring
from ..conf import get_config
from ..core.access_token import lookup
from ..core.clock import Clock, SystemClock
from ..core.http import FetchedDocument, FetchError
from ..core.issuers import IssuerPolicy
from ..core.keys import MemoryKeyStore
from ..core.metadata import metadata_urls
from .introspection import FakeIntrospection, MemoryAnswerCache
from .signing import SigningKey

__all__ = ["FakeClock", "FakeIssuer", "install"]

# What a claim must say whose mere presence a policy demands.
_FILLERS = {"token_use": "access", "typ": "Bearer"}
_NEAR_MISSES = {
    "audience": "aud=",
    "expires_in": "exp= (a time, in seconds since the epoch)",
    "issuer": "iss=",
}
_PREFERRED = ("ES256", "EdDSA", "Ed25519", "RS256", "PS256", "ES384", "ES512")


class FakeClock:
    """A clock that stands still until it is told otherwise."""

    def __init__(self, now: float = 1_800_000_000.0) -> None:
        """Start at ``now``, in seconds since the epoch."""
        self.time = now

    def now(self) -> float:
        """Return the time."""
        return self.time

    def monotonic(self) -> float:
        """Return the time."""
        return self.time

    def advance(self, seconds: float) -> None:
        """Let ``seconds`` pass."""
        self.time += seconds


class FakeIssuer:
    """Issues tokens that the project's own settings accept, and can misbehave.

    Args:
        policy: the issuer policy to satisfy; by default the first one in ``OIDC_RS``.
        algorithm: what to sign with; by default a quick one the policy allows.
        clock: where ``iat`` and ``exp`` come from.

    Attributes:
        key: the key that signs now; replace it, or call ``rotate``.
        published: the JWKs served.
        fetches: the addresses asked so far.
        failure: what asking gives instead of an answer: a ``FetchError``, or None.
        bodies: address -> bytes to serve there instead of the truth.
        headers: headers of every answer, lower-case names.
        introspection: its introspection endpoint, which can fail and lie as well.
    """

    def __init__(
        self,
        policy: IssuerPolicy | None = None,
        *,
        algorithm: str | None = None,
        clock: Clock | None = None,
    ) -> None:
        """Make a key; see the class for the arguments."""
        self.policy = policy or get_config().issuers[0]
        if self.policy.jwks is not None:
            raise ImproperlyConfigured(
                f"Issuer {self.policy.alias} has its keys in settings; override "
                "OIDC_RS with an issuer whose keys are fetched."
            )
        self.algorithm = algorithm or _quick_algorithm(self.policy)
        self.clock = clock or SystemClock()
        self.key = self._new_key()
        self.published = [self.key.public_jwk()] if self._publishes() else []
        self.fetches: list[str] = []
        self.failure: FetchError | None = None
        self.bodies: dict[str, bytes] = {}
        self.headers: dict[str, str] = {}
        asked = self.policy.introspection
        endpoint = (asked and asked.endpoint) or f"{self.issuer.rstrip('/')}/introspect"
        self.introspection = FakeIntrospection(
            endpoint,
            issuer=self.issuer,
            client_id=asked.credentials.client_id if asked else "",
            sign=self._sign,
            clock=self.clock,
        )

    def _sign(self, claims: dict[str, Any], kind: str) -> str:
        return self.key.sign(claims, {**self._header(), "typ": kind})

    def _publishes(self) -> bool:
        return self.policy.shared_secret is None

    def _new_key(self) -> SigningKey:
        return SigningKey(self.algorithm, secret=self.policy.shared_secret or b"")

    @property
    def issuer(self) -> str:
        """The identifier string."""
        return self.policy.issuer

    @property
    def jwks_uri(self) -> str:
        """Where the JWK Set is served."""
        return self.policy.jwks_uri or f"{self.issuer.rstrip('/')}/jwks"

    def claims(
        self,
        subject: str | None = "alice",
        scopes: Iterable[str] = (),
        **claims: object,
    ) -> dict[str, Any]:
        """Return claims that the policy accepts; ``claims`` overrides single ones.

        A claim given as None is left out.

        Raises:
            TypeError: ``scopes`` is a string, or ``claims`` has a name like a claim's.
            ValueError: the policy has user fields where scopes would stand.
        """
        if isinstance(scopes, str):
            raise TypeError("scopes must be a list or tuple of strings, not a string")
        policy, now = self.policy, int(self.clock.now())
        audience = min(policy.audience)
        made: dict[str, Any] = {
            "iss": self.issuer,
            "aud": audience,
            "iat": now,
            "exp": now + 300,
            "jti": secrets.token_hex(8),
        }
        if subject is not None:
            _put(made, policy.subject_claim, subject)
        for path in policy.client_id_claims[:1]:
            _put(made, path, "test-client")
        _put(made, policy.audience_claims[0], audience)
        for path in policy.scope_claims[:1]:
            if scopes or path in policy.required_claims:
                _put(made, path, " ".join(scopes))
        for paths in policy.required_claims:
            alternatives = paths.split("|")
            present = any(lookup(made, path) is not None for path in alternatives)
            if paths != policy.subject_claim and not present:
                path = alternatives[0]
                _put(made, path, _FILLERS.get(path, "test"))
        wrong = sorted(_NEAR_MISSES.keys() & claims.keys())
        if wrong:
            # Taken for a claim of that name, the token would stay as good as it was.
            raise TypeError(f"write {_NEAR_MISSES[wrong[0]]} instead of {wrong[0]}=")
        made.update(claims)
        return {name: value for name, value in made.items() if value is not None}

    def access_token(
        self,
        subject: str | None = "alice",
        scopes: Iterable[str] = (),
        *,
        header: Mapping[str, object] | None = None,
        **claims: object,
    ) -> str:
        """Return a signed raw token; ``Authorization: Bearer`` goes before it.

        Args:
            subject: ``sub``, or what ``SUBJECT_CLAIM`` names; None leaves it out.
            scopes: the scopes granted, in the claim where the policy looks first.
            header: replaces the JOSE header.
            claims: override single claims; None leaves one out.
        """
        made = self.claims(subject, scopes, **claims)
        raw_token = self.key.sign(made, self._header() if header is None else header)
        return self.introspection.remember(raw_token, made)

    def opaque_token(
        self,
        subject: str | None = "alice",
        scopes: Iterable[str] = (),
        **claims: object,
    ) -> str:
        """Return a raw token that means something to this issuer alone.

        Arguments are those of ``access_token``.
        """
        return self.introspection.issue(self.claims(subject, scopes, **claims))

    def revoke(self, raw_token: str) -> None:
        """Call ``raw_token``, opaque or a JWT, inactive when asked about it."""
        self.introspection.revoke(raw_token)

    def _header(self) -> dict[str, str]:
        header = {"alg": self.algorithm, "kid": self.key.key_id}
        types = self.policy.token_types
        token_type = "at+jwt" if "at+jwt" in types else min(types)
        return {**header, "typ": token_type} if token_type else header

    def rotate(self, *, keep_old: bool = False) -> SigningKey:
        """Sign with a new key from now on; return the old one.

        ``keep_old`` goes on publishing the old key beside the new one.

        Raises:
            ValueError: the issuer signs with a shared secret.
        """
        new = self._new_key()
        kept = self.published if keep_old else []
        self.published = [*kept, new.public_jwk()]
        old, self.key = self.key, new
        return old

    def fail(self, code: str = "connect", *, status: int | None = None) -> None:
        """Fail from now on, as the HTTP client would: ``timeout``, ``status``, ..

        Nothing answers then: neither metadata and keys nor questions about tokens. For
        those alone there is ``introspection.fail()``.
        """
        self._answer_all_with(FetchError(code, "the fake issuer fails", status=status))

    def hang(self) -> None:
        """Never answer: what the HTTP client makes of it is a timeout."""
        self._answer_all_with(FetchError("timeout", "the fake issuer hangs"))

    def _answer_all_with(self, failure: FetchError) -> None:
        self.failure = self.introspection.failure = failure

    def lie(self, body: bytes) -> None:
        """Serve ``body`` as the JWK Set."""
        self.bodies[self.jwks_uri] = body

    def recover(self) -> None:
        """Answer truthfully again, questions about tokens included."""
        self.failure = None
        self.bodies.clear()
        self.introspection.recover()

    def knows(self, url: str) -> bool:
        """Whether ``url`` is one of this issuer's."""
        return url in (self.jwks_uri, *self._metadata_urls(), *self.bodies)

    def _metadata_urls(self) -> tuple[str, ...]:
        if self.policy.metadata_url:
            return (self.policy.metadata_url,)
        return metadata_urls(self.issuer)

    def fetch(
        self,
        url: str,
        *,
        trusted_address: bool,
        headers: Mapping[str, str] | None = None,
    ) -> FetchedDocument:
        """Answer as the issuer; a ``Fetch``."""
        del trusted_address, headers
        self.fetches.append(url)
        if self.failure is not None:
            raise self.failure
        if url in self.bodies:
            body = self.bodies[url]
        elif url == self.jwks_uri:
            body = json.dumps({"keys": self.published}).encode()
        elif url == self._metadata_urls()[0]:
            metadata = {
                "issuer": self.issuer,
                "jwks_uri": self.jwks_uri,
                "introspection_endpoint": self.introspection.endpoint,
            }
            body = json.dumps(metadata).encode()
        else:
            raise FetchError("status", "no such document", status=404)
        return FetchedDocument(
            url=url, status=200, body=body, headers=self.headers, public_address=True
        )


def _put(claims: dict[str, Any], path: str, value: str) -> None:
    """Set the claim at ``path``, where the validator will look for it."""
    names = [path] if "/" in path else path.split(".")
    for name in names[:-1]:
        claims = claims.setdefault(name, {})
    if isinstance(claims.get(names[-1]), dict):
        raise ValueError(  # noqa: TRY004 -- what was asked for is at fault, no type
            f"the claim {path!r} holds other claims, so it cannot be text"
        )
    claims[names[-1]] = value


def _quick_algorithm(policy: IssuerPolicy) -> str:
    for name in _PREFERRED:
        if name in policy.algorithms:
            return name
    return min(policy.algorithms)


@contextmanager
def install(
    *issuers: FakeIssuer, clock: Clock | None = None
) -> Iterator[FakeIssuer | None]:
    """Let the resource server ask ``issuers`` instead of the network.

    Yields the first of them. Keys are kept in memory and refreshed on the spot: no
    thread, no query, no socket.
    """

    def fetch(
        url: str,
        *,
        trusted_address: bool,
        headers: Mapping[str, str] | None = None,
    ) -> FetchedDocument:
        for issuer in issuers:
            if issuer.knows(url):
                return issuer.fetch(
                    url, trusted_address=trusted_address, headers=headers
                )
        raise FetchError("connect", "no fake issuer has this address")

    def post(
        url: str,
        *,
        body: bytes,
        headers: Mapping[str, str],
        trusted_address: bool,
        certificate: tuple[str, str | None] | None = None,
    ) -> FetchedDocument:
        for issuer in issuers:
            if issuer.introspection.endpoint == url:
                return issuer.introspection.post(
                    url,
                    body=body,
                    headers=headers,
                    trusted_address=trusted_address,
                    certificate=certificate,
                )
        raise FetchError("connect", "no fake issuer has this address")

    clock = clock or SystemClock()
    seams = wiring.Seams(
        clock=clock,
        fetch=fetch,
        post=post,
        answers=MemoryAnswerCache(clock),
        store=MemoryKeyStore(clock),
        spawn=lambda work: work(),
    )
    with ExitStack() as stack:
        stack.enter_context(wiring.substitute(seams))
        yield issuers[0] if issuers else None
