"""An issuer that is asked, for the tests of the core: its clock, network and cache."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from urllib.parse import parse_qsl

from django_oidc_rs.core.answers import Answers
from django_oidc_rs.core.breaker import FloodGuard
from django_oidc_rs.core.client_authentication import ClientCredentials
from django_oidc_rs.core.http import FetchedDocument, FetchError
from django_oidc_rs.core.introspection import IntrospectionClient
from django_oidc_rs.core.introspection_validator import IntrospectionValidator
from django_oidc_rs.core.issuers import IntrospectionPolicy
from django_oidc_rs.core.metadata import metadata_urls
from django_oidc_rs.testing import FakeClock

from .builders import ISSUER, NOW, FakeKeys, key_set, policy

OPAQUE = "opaque-token-0123456789"
CLIENT_ID, SECRET = "orders:api", "s3cret & more"
ENDPOINT = f"{ISSUER}/introspect"
OPENID, RFC8414 = metadata_urls(ISSUER)
JSON = "application/json"


def asked(**fields):
    """Return how an issuer is asked; ``fields`` overrides single fields."""
    credentials = fields.pop("credentials", {})
    made = {"client_id": CLIENT_ID, "client_secret": SECRET}
    made = {"method": "client_secret_basic", **made, **credentials}
    return IntrospectionPolicy(
        **{
            "credentials": ClientCredentials(**made),
            "endpoint": ENDPOINT,
            "opaque_tokens": True,
            **fields,
        }
    )


def document(body, kind=JSON, url=ENDPOINT):
    """Return an answer of status 200; ``body`` may be bytes, text or an object."""
    if not isinstance(body, bytes):
        body = (body if isinstance(body, str) else json.dumps(body)).encode()
    headers = {} if kind is None else {"content-type": kind}
    return FetchedDocument(
        url=url, status=200, body=body, headers=headers, public_address=True
    )


class FakePost:
    """A ``Post`` that answers what ``says`` holds, in turn, and the last for ever."""

    def __init__(self, *says):
        self.says = list(says) or [document({"active": False})]
        self.requests = []
        self._lock = threading.Lock()

    def __call__(self, url, *, body, headers, trusted_address, certificate=None):
        with self._lock:
            self.requests.append((url, body, dict(headers), certificate))
            said = self.says.pop(0) if len(self.says) > 1 else self.says[0]
        assert trusted_address is True
        if callable(said):
            said = said()
        if isinstance(said, BaseException):
            raise said
        return said

    @property
    def forms(self):
        """The forms that were sent."""
        return [
            dict(parse_qsl(body.decode(), strict_parsing=True))
            for _url, body, _headers, _certificate in self.requests
        ]


class FakeFetch:
    """A ``Fetch`` of the documents in ``at``: address -> members, or an exception."""

    def __init__(self, at=None):
        self.at = at or {}
        self.urls = []

    def __call__(self, url, *, trusted_address, headers=None):
        assert trusted_address is True
        self.urls.append(url)
        said = self.at.get(url, FetchError("status", "HTTP 404", status=404))
        if isinstance(said, BaseException):
            raise said
        return document(said, url=url)


class DictCache:
    """An ``AnswerCache`` that several ``Answers`` may share."""

    def __init__(self, clock):
        self.clock = clock
        self.answers = {}
        self.asking = {}

    def get(self, key):
        until, answer = self.answers.get(key, (0, None))
        return answer if self.clock.monotonic() < until else None

    def set(self, key, answer, seconds):
        self.answers[key] = self.clock.monotonic() + seconds, answer

    def delete(self, key):
        self.answers.pop(key, None)

    def begin(self, key, seconds):
        assert 0 < seconds <= 6
        mine = object()
        return self.asking.setdefault(key, mine) is mine

    def end(self, key):
        self.asking.pop(key, None)


class Asking:
    """One issuer that is asked, and all it is made of."""

    def __init__(self, *says, at=None, keys=None, jitter=0.0, cache=None, **fields):
        issuer_policy = fields.pop("policy", {})
        if isinstance(issuer_policy, dict):
            issuer_policy = policy(**issuer_policy)
        self.clock = FakeClock(float(NOW))
        self.post = FakePost(*says)
        self.fetch = FakeFetch(at)
        self.reports = []
        validation = fields.pop("validation", "introspection")
        self.asked = asked(**fields)
        self.policy = replace(
            issuer_policy,
            introspection=self.asked,
            validation=validation,
        )
        self.keys = keys or FakeKeys(key_set())
        self.client = IntrospectionClient(
            self.policy,
            self.asked,
            keys=self.keys,
            clock=self.clock,
            fetch=self.fetch,
            post=self.post,
            jitter=lambda: jitter,
            on_answer=lambda *report: self.reports.append(report),
        )
        self.cache = cache or DictCache(self.clock)
        self.guard = FloodGuard()
        self.answers = answers(
            self.client.ask,
            clock=self.clock,
            cache=self.cache,
            cache_seconds=self.asked.cache_seconds,
        )
        self.validator = IntrospectionValidator(
            self.policy, self.asked, answers=self.answers, clock=self.clock
        )

    def ask(self, raw_token=OPAQUE):
        return self.client.ask(raw_token)

    def validate(self, raw_token=OPAQUE, *, live=False, wait=True):
        return self.validator.validate(raw_token, live=live, wait=wait)


def answers(ask, *, clock, cache, cache_seconds=30, scope=("i", "e", "c"), pause=None):
    """Return ``Answers`` whose pauses take no time but the clock's."""
    return Answers(
        ask,
        scope=scope,
        cache_seconds=cache_seconds,
        cache=cache,
        clock=clock,
        pause=pause or clock.advance,
    )
