"""``OIDC_RS["HTTP"]`` -> ``HttpPolicy``."""

from __future__ import annotations

import re
from ipaddress import IPv6Address

from .core.errors import excerpt
from .core.http import HttpPolicy
from .settings_reader import Section, is_plain

__all__ = ["HTTP_KEYS", "parse_http"]

HTTP_KEYS = (
    "ALLOW_INSECURE",
    "ALLOW_PRIVATE_ADDRESSES",
    "CA_BUNDLE",
    "CONNECT_TIMEOUT",
    "MAX_BYTES",
    "PROXIES",
    "READ_TIMEOUT",
    "TOTAL_TIMEOUT",
)
_HOST = re.compile(r"[A-Za-z0-9._-]+")
_PROXY = re.compile(r"(?:https?|all)(?:://.+)?")


def parse_http(http: Section) -> HttpPolicy:
    """Return how metadata and keys are fetched, noting problems."""

    def bounded(key: str, default: float, *, least: float, most: float) -> float:
        return http.number(key, default, least=least, most=most, problem_id="E020")

    insecure = _hosts(http, "ALLOW_INSECURE")
    if insecure:
        http.problem(
            "W002",
            f"lets plain http reach {', '.join(sorted(insecure))}; whoever sits "
            "between can hand out keys",
            key="ALLOW_INSECURE",
            hint="For tests and private networks. Else use https, and name the CA, if "
            'it is the issuer\'s own, in OIDC_RS["HTTP"]["CA_BUNDLE"].',
        )
    return HttpPolicy(
        connect_timeout=bounded("CONNECT_TIMEOUT", 2, least=0.1, most=60),
        read_timeout=bounded("READ_TIMEOUT", 3, least=0.1, most=60),
        # The shortest lifetime leaves 36 s for refreshing ahead of its end.
        total_timeout=bounded("TOTAL_TIMEOUT", 5, least=0.1, most=30),
        max_bytes=int(bounded("MAX_BYTES", 262144, least=1024, most=16777216)),
        ca_bundle=http.text("CA_BUNDLE"),
        proxies=_proxies(http),
        allow_insecure=insecure,
        allow_private_addresses=_hosts(http, "ALLOW_PRIVATE_ADDRESSES"),
    )


def _hosts(http: Section, key: str) -> frozenset[str]:
    hosts = http.texts(key) or ()
    wrong = [host for host in hosts if not _is_host(host)]
    if wrong:
        http.problem(
            "E020",
            f"holds {excerpt(wrong[0])}, which is no host name",
            key=key,
            hint="Host names or addresses alone: no scheme, port, path or wildcard.",
        )
    return frozenset(hosts)


def _is_host(text: str) -> bool:
    try:
        IPv6Address(text.strip("[]"))
    except ValueError:
        return _HOST.fullmatch(text) is not None
    return True


def _proxies(http: Section) -> dict[str, str]:
    proxies = http.mapping("PROXIES") or {}
    urls = {scheme: url for scheme, url in proxies.items() if isinstance(url, str)}
    if len(urls) < len(proxies) or not all(
        _PROXY.fullmatch(scheme) and is_plain(url) for scheme, url in urls.items()
    ):
        http.problem(
            "E020",
            "must map schemes to proxy URLs",
            key="PROXIES",
            hint='Like {"https": "http://proxy:3128"}.',
        )
    return urls
