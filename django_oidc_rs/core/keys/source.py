"""The network: metadata and JWK Set of one issuer -> a fresh ``KeyRecord``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from ..clock import Clock
from ..http import Fetch, FetchedDocument, FetchError
from ..issuers import IssuerPolicy
from ..jwk import PRIVATE_MEMBERS, JwkSetError, VerificationKeys, parse_jwk_set
from ..metadata import MetadataError, discover
from ..strict_json import StrictJsonError, loads_object
from .freshness import lifetime
from .records import KeyRecord
from .snapshot import KeySnapshot

__all__ = ["IssuerSource", "SourceError", "parse_record"]

_METADATA_LIFETIME = 3600.0
_LAST_START = 5.0


class SourceError(Exception):
    """No usable key set came of the attempt; ``code`` is stable."""

    def __init__(self, code: str, message: str) -> None:
        """Keep the stable ``code`` beside the message for operators."""
        super().__init__(message)
        self.code = code


def parse_record(
    record: KeyRecord, policy: IssuerPolicy, *, known: KeySnapshot | None = None
) -> VerificationKeys:
    """Return the keys of a record; those of ``known`` where the set is the same.

    Raises:
        SourceError: the record holds no usable JWK Set (any more), is another issuer's,
            or came from an address that the settings do not name any more.
    """
    if not _is_of(record, policy):
        raise SourceError("foreign_record", "the record is not of these settings")
    if known is not None and known.digest == record.digest:
        # Looking for weak keys takes up to 100 ms each.
        return known.keys
    try:
        document = loads_object(record.jwks.encode("utf-8", "surrogatepass"))
        return parse_jwk_set(document, algorithms=policy.algorithms)
    except StrictJsonError as error:
        raise SourceError("not_json", f"the JWK Set is no JSON: {error}") from None
    except JwkSetError as error:
        raise SourceError(error.code, str(error)) from None


def _is_of(record: KeyRecord, policy: IssuerPolicy) -> bool:
    """Whether ``record`` came from where the settings point now.

    What an address gave that somebody took out of the settings is not believed.
    """
    if record.issuer != policy.issuer:
        return False
    if policy.jwks_uri is not None:
        return record.jwks_uri == policy.jwks_uri
    learnt = record.metadata_fetched_at > 0
    return learnt and record.metadata_url == (policy.metadata_url or "")


class IssuerSource:
    """Fetches the keys of one issuer, by discovery or from the address in settings."""

    def __init__(self, policy: IssuerPolicy, *, fetch: Fetch, clock: Clock) -> None:
        """Take the seams; nothing is fetched yet."""
        self._policy = policy
        self._fetch = fetch
        self._clock = clock

    def fetch(
        self,
        previous: KeyRecord | None,
        *,
        rediscover: bool = False,
        retry: bool = True,
    ) -> KeyRecord:
        """Return a new record with at least one usable key.

        ``previous`` allows a conditional GET and spares the metadata for an hour,
        unless ``rediscover``, which believes nothing stored. With ``retry`` a connect
        error or a 502, 503, 504 is tried once more, at once.

        Raises:
            SourceError: whatever went wrong; an empty or unusable set is a failure too.
        """
        get = self._get_in_time(twice=retry)
        try:
            return self._fetch_record(previous, get, rediscover=rediscover)
        except (FetchError, MetadataError) as error:
            raise SourceError(error.code, str(error)) from error

    def _fetch_record(
        self, previous: KeyRecord | None, get: Fetch, *, rediscover: bool
    ) -> KeyRecord:
        located = self._locate(previous, get, rediscover=rediscover)
        same_place = previous is not None and previous.jwks_uri == located.jwks_uri
        known = previous if same_place and not rediscover else None
        headers = _conditions(known) if known else {}
        # Settings may name any address; a public document may not lead inside.
        document = get(
            located.jwks_uri,
            trusted_address=not located.metadata_public
            or self._policy.jwks_uri is not None,
            headers=headers,
        )
        if document.status == 304 and known is not None:
            # What a 304 does not say again stays as it was: RFC 9111 section 4.3.4.
            text, default = known.jwks, known.lifetime
            etag, last_modified = known.etag, known.last_modified
        else:
            text, default = self._public_part(document), self._policy.keys.default_age
            etag = last_modified = ""
        now = self._clock.now()
        record = replace(
            located,
            jwks=text,
            fetched_at=now,
            lifetime=lifetime(document.headers, now=now, default=default),
            etag=document.headers.get("etag", etag),
            last_modified=document.headers.get("last-modified", last_modified),
            version=previous.version if previous else 0,
        )
        if previous is None or previous.digest != record.digest:
            parse_record(record, self._policy)
        return record

    def _locate(
        self, previous: KeyRecord | None, get: Fetch, *, rediscover: bool
    ) -> KeyRecord:
        """Return a record that knows its ``jwks_uri`` and nothing else yet."""
        policy, now = self._policy, self._clock.now()
        blank = KeyRecord(
            issuer=policy.issuer, jwks="", jwks_uri="", fetched_at=0, lifetime=0
        )
        if policy.jwks_uri is not None:
            return replace(blank, jwks_uri=policy.jwks_uri)
        if previous is not None and not rediscover and _is_of(previous, policy):
            age = now - previous.metadata_fetched_at
            if 0 <= age < _METADATA_LIFETIME:
                return replace(
                    blank,
                    jwks_uri=previous.jwks_uri,
                    metadata_url=previous.metadata_url,
                    metadata_fetched_at=previous.metadata_fetched_at,
                    metadata_public=previous.metadata_public,
                )
        metadata = discover(get, issuer=policy.issuer, metadata_url=policy.metadata_url)
        return replace(
            blank,
            jwks_uri=metadata.jwks_uri,
            metadata_url=policy.metadata_url or "",
            metadata_fetched_at=now,
            metadata_public=metadata.public_address,
        )

    def _get_in_time(self, *, twice: bool) -> Fetch:
        """Return the fetch, which starts no request after 5 s: leases end."""
        last_start = self._clock.monotonic() + _LAST_START

        def get(
            url: str,
            *,
            trusted_address: bool,
            headers: Mapping[str, str] = MappingProxyType({}),
        ) -> FetchedDocument:
            if self._clock.monotonic() > last_start:
                raise FetchError("timeout", "the documents before it took too long")
            try:
                return self._fetch(
                    url, trusted_address=trusted_address, headers=headers
                )
            except FetchError as error:
                late = self._clock.monotonic() > last_start
                if late or not (twice and error.retryable):
                    raise
            return self._fetch(url, trusted_address=trusted_address, headers=headers)

        return get

    def _public_part(self, document: FetchedDocument) -> str:
        """Return the set as JSON without key material that must not be stored."""
        try:
            members = loads_object(document.body)
        except StrictJsonError as error:
            raise SourceError(
                "not_json", f"{document.url} is no JSON: {error}"
            ) from None
        keys = members.get("keys")
        if isinstance(keys, list):
            keys = [_without_secrets(key) for key in keys]
        return json.dumps({"keys": keys}, sort_keys=True, separators=(",", ":"))


def _conditions(previous: KeyRecord) -> dict[str, str]:
    """Return the headers of a conditional GET. RFC 9110 section 13.1."""
    if previous.etag:
        return {"If-None-Match": previous.etag}
    if previous.last_modified:
        return {"If-Modified-Since": previous.last_modified}
    return {}


def _without_secrets(key: object) -> object:
    """Return a stub that is refused for the same reason, where a key holds secrets."""
    if not isinstance(key, dict):
        return key
    secret = PRIVATE_MEMBERS & key.keys()
    if not secret:
        return key
    return {
        **{name: key[name] for name in ("kty", "kid") if name in key},
        **dict.fromkeys(secret),
    }
