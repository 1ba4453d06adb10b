"""Catalogue, section 4: who issued it."""

from __future__ import annotations

import json

import pytest

from django_oidc_rs.core.errors import (
    BadSignature,
    InvalidClaim,
    UntrustedIssuer,
)
from tests.attacks.apis import PATHS
from tests.attacks.forging import under
from tests.attacks.harness import EVIL, HANDLERS, Sent, strike
from tests.attacks.staging import (
    IT,
    Several,
    faults_of,
    merged,
    on_every_handler,
    staged,
    strike_fault,
)
from tests.core.builders import AUDIENCE, ISSUER, claims, key, sign
from tests.core.faults import Fault
from tests.core.faults.crafting import mallory, named

pytestmark = [pytest.mark.urls("tests.attacks.apis"), pytest.mark.django_db]

METADATA = "http://169.254.169.254/latest/meta-data"


def claim(name, value, raises=InvalidClaim, **more):
    return Fault("", raises, name, claims={name: value}, **more)


def issuer_is(value):
    return claim("iss", value, UntrustedIssuer)


ROWS = merged(
    faults_of(73),
    {
        f"A73-{name}": issuer_is(value)
        for name, value in {
            "first-half": "https://iss",
            "scheme": "https://",
            "one-letter": "h",
            "path-slash": f"{ISSUER}/",
            "userinfo": f"{ISSUER}@{EVIL}.test",
            "nul": f"{ISSUER}\0",
            "newline": f"{ISSUER}\n",
            "blank": f" {ISSUER}",
            "cyrillic": ISSUER.replace("s", "\u0455"),
            "fullwidth-dot": ISSUER.replace(".", "\uff0e"),
            "query": f"{ISSUER}?",
        }.items()
    },
    faults_of(74),
    {
        f"A74-{name}": issuer_is(value)
        for name, value in {
            "list-of-ours-twice": [ISSUER, ISSUER],
            "empty-list": [],
            "nested-list": [[ISSUER]],
            "url": {"url": ISSUER},
            "zero": 0,
            "false": False,
        }.items()
    },
    faults_of(75),
    {
        f"A75-{name}": issuer_is(value)
        for name, value in {
            "discovery": f"https://{EVIL}.test/.well-known/openid-configuration",
            "metadata-address": METADATA,
            "loopback": "http://127.0.0.1:8000",
            "file": "file:///etc/passwd",
            "own-name": "default",
            "jwks": f"{ISSUER}/jwks",
        }.items()
    },
    {
        "A75-own-key-and-jku": Fault(
            "",
            UntrustedIssuer,
            "iss",
            signer=mallory(),
            claims={"iss": METADATA},
            header={"jku": f"{METADATA}/jwks"},
        )
    },
    faults_of(76),
    {
        f"A76-{name}": Fault(
            "", UntrustedIssuer, "iss", good="entra-v2-machine", claims={"iss": value}
        )
        for name, value in {
            "entra-template": "https://login.microsoftonline.test/{tenantid}/v2.0",
            "common": "https://login.microsoftonline.test/common/v2.0",
            "upper-case": "https://login.microsoftonline.test/2F1C/v2.0",
            "wildcard": "https://login.microsoftonline.test/*/v2.0",
        }.items()
    },
    {
        "A76-tenant-in-a-claim": Fault(
            "",
            UntrustedIssuer,
            "iss",
            good="entra-v2-machine",
            claims={
                "iss": "https://login.microsoftonline.test/9999/v2.0",
                "tid": "2f1c",
            },
        ),
        "A76-realm-of-keycloak": Fault(
            "",
            UntrustedIssuer,
            "iss",
            good="keycloak",
            claims={"iss": "https://sso.test/realms/acme2"},
        ),
    },
)


@pytest.mark.parametrize("row", ROWS)
def test_an_issuer_is_its_exact_name(row, caplog, monkeypatch):
    strike_fault(ROWS[row], caplog, monkeypatch)


TWO = {
    "AUDIENCE": AUDIENCE,
    "ISSUERS": {
        "one": {"ISSUER": ISSUER, "SCOPES": ["read"]},
        "two": {"ISSUER": "https://two.test", "SCOPES": ["read"]},
    },
}
SAME_NAME = named("ES256", "two")


def of_two(claimed, kid="k1", **header):
    """A token of issuer two's key, which has the name of issuer one's."""
    return lambda: under(SAME_NAME(), kid).sign(
        claims(iss=claimed), {"alg": "ES256", "kid": kid, **header}
    )


# name -> (token, code of the refusal)
MIX_UPS = {
    "A71-claims-the-other-issuer": (of_two(ISSUER), BadSignature),
    "A71-header-says-who": (of_two(ISSUER, iss="https://two.test"), BadSignature),
    "A71-jku-of-its-own": (
        of_two(ISSUER, jku="https://two.test/jwks"),
        BadSignature,
    ),
    "A71-key-of-one-claims-two": (
        lambda: sign(claims(iss="https://two.test")),
        BadSignature,
    ),
    "A71-both-in-a-list": (of_two([ISSUER, "https://two.test"]), UntrustedIssuer),
    "A71-neither": (of_two("https://three.test"), UntrustedIssuer),
}


@on_every_handler
@pytest.mark.parametrize("row", MIX_UPS)
def test_no_issuer_speaks_for_another(row, handler, caplog, monkeypatch):
    make, error = MIX_UPS[row]
    own = of_two("https://two.test")
    other = under(SAME_NAME(), "k1").public_jwk()
    with staged(TWO, [key().public_jwk()], [other]) as issuers:
        strike(
            Sent((f"Bearer {make()}",)),
            IT,
            url=PATHS[handler],
            handler=handler,
            issuer=Several(issuers),
            # Of the issuer whose keys are looked up, so that they are known.
            good=own() if row == "A71-key-of-one-claims-two" else sign(),
            caplog=caplog,
            monkeypatch=monkeypatch,
            reason=error.code,
        )
        # The other issuer's token opens under its own name, to somebody else.
        answers = [
            HANDLERS[handler](PATHS[handler], Sent((f"Bearer {token}",)))
            for token in (sign(), own())
        ]
    names = [json.loads(answer.body)["name"] for answer in answers]
    assert names[0] != names[1]


@on_every_handler
@pytest.mark.parametrize(
    "tenant",
    [
        pytest.param("https://as.test/tenants/2", id="A76-same-keys-other-tenant"),
        pytest.param("https://as.test/tenants/{tenantid}", id="A76-same-keys-template"),
        pytest.param("https://as.test/tenants/1/", id="A76-same-keys-slash"),
    ],
)
def test_a_tenant_is_an_issuer(tenant, handler, caplog, monkeypatch):
    ours = "https://as.test/tenants/1"
    settings = {"AUDIENCE": AUDIENCE, "ISSUERS": {"default": {"ISSUER": ours}}}
    with staged(settings, [key().public_jwk()]) as (issuer,):
        strike(
            Sent((f"Bearer {sign(claims(iss=tenant, tid='1'))}",)),
            IT,
            url=PATHS[handler],
            handler=handler,
            issuer=issuer,
            good=sign(claims(iss=ours)),
            caplog=caplog,
            monkeypatch=monkeypatch,
            reason=UntrustedIssuer.code,
        )
