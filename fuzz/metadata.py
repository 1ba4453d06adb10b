"""Fuzz what an issuer's metadata address answers, and where that leads.

Findings: an exception that is none of the declared ones, metadata of another issuer
believed, a ``jwks_uri`` whose host other URL parsers read differently, a private
address reached by a public document, an issuer whose metadata lies elsewhere.
"""

from __future__ import annotations

import json
from ipaddress import ip_address
from urllib.parse import urlsplit

from urllib3.util import parse_url

from .harness import Target, instrumented, main

with instrumented(__name__):
    from django_oidc_rs.core.addresses import is_public, may_be_public, parse_origin
    from django_oidc_rs.core.http import (
        FetchedDocument,
        FetchError,
        HttpPolicy,
        check_url,
    )
    from django_oidc_rs.core.keys import IssuerSource, SourceError
    from django_oidc_rs.core.metadata import MetadataError, discover, metadata_urls

    from .answers import Answers, read_answer
    from .issuers import ISSUER, StoppedClock, make_policy
    from .keys import GOOD_JWKS
    from .mutators import edit_answer
    from .oracle import demand

__all__ = ["TARGET"]

_POLICY = make_policy("default", ISSUER)
_HTTP = HttpPolicy(allow_insecure=frozenset(("plain.test",)))
_GOOD_SET = json.dumps(GOOD_JWKS).encode()


def run(data: bytes) -> None:
    """Try one answer; and its body, in case it is a URL, as an issuer of settings."""
    answer = read_answer(data)
    _demand_own(answer)
    url = answer.body.decode("utf-8", "surrogateescape")
    if _is_allowed(url):
        _demand_one_host(url)
        _demand_own_addresses(url)


def _is_allowed(url: str) -> bool:
    try:
        check_url(url, _HTTP)
    except FetchError as error:
        demand(error.code == "insecure_url", "an odd code for a URL")
        return False
    return True


def _demand_own(answer: FetchedDocument) -> None:
    try:
        metadata = discover(Answers(answer), issuer=ISSUER)
    except MetadataError:
        metadata = None
    fetch = Answers(answer, read_answer(b"\n\n" + _GOOD_SET))
    source = IssuerSource(_POLICY, fetch=fetch, clock=StoppedClock())
    try:
        record = source.fetch(None)
    except SourceError:
        demand(metadata is None, "good metadata is refused where it is fetched")
        return
    if metadata is None:
        demand(record is None, "bad metadata led to keys")
        return
    told = json.loads(answer.body)
    demand(told["issuer"] == ISSUER == metadata.issuer, "metadata of another issuer")
    demand(told["jwks_uri"] == record.jwks_uri, "another address than was told")
    demand(
        fetch.asked[1:] == [(record.jwks_uri, False)],
        "a public document's address is trusted like one of the settings",
    )
    if _is_allowed(record.jwks_uri):
        _demand_one_host(record.jwks_uri)


def _demand_one_host(url: str) -> None:
    """Demand that whoever connects and whoever checks read the same host."""
    origin = parse_origin(url)
    host, port = origin.host, origin.port
    split = urlsplit(url)
    default = 443 if split.scheme == "https" else 80
    demand((split.hostname, split.port or default) == (host, port), "urlsplit differs")
    connected = parse_url(url)
    demand(
        ((connected.host or "").strip("[]"), connected.port or default) == (host, port),
        "urllib3 connects elsewhere",
    )
    demand(origin.scheme == "https" or _may_be_plain(host), "plain http is let pass")
    demand(not (is_public(host) and host.startswith(_INSIDE)), "a private address")
    demand(may_be_public(host) or not is_public(host), "two opinions on an address")


_INSIDE = ("10.", "127.", "169.254.", "192.168.", "::1", "fc", "fd", "fe80")


def _may_be_plain(host: str) -> bool:
    if host in {"localhost", "plain.test"}:
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _demand_own_addresses(issuer: str) -> None:
    """Demand that an issuer's metadata is looked for at its own host, and nowhere."""
    if not {"?", "#", "@"}.isdisjoint(issuer) or "/.well-known/" in issuer:
        return
    origin = parse_origin(issuer)
    for url in metadata_urls(issuer):
        demand(len(url) > 2048 or parse_origin(url) == origin, "another host is asked")
        demand("/.well-known/" in url, "no well-known address")


TARGET = Target(name="metadata", run=run, mutate=edit_answer)

if __name__ == "__main__":
    main(TARGET)
