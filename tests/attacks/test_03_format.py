"""Catalogue, section 3: what is no compact JWS."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zlib
from pathlib import Path
from urllib.parse import urlencode

import pytest

from django_oidc_rs.core.errors import (
    BadSignature,
    MalformedToken,
    TokenTooLong,
)
from django_oidc_rs.testing.signing import encode
from tests.attacks.forging import encrypted
from tests.attacks.harness import EVIL, HANDLERS, Sent
from tests.attacks.staging import (
    IR,
    IT,
    NA,
    faults_of,
    merged,
    strike_fault,
    strike_sent,
)
from tests.core.builders import ISSUER, claims, sign
from tests.core.faults import Fault
from tests.core.faults.crafting import (
    MILLION,
    RSA,
    jwe,
    part,
)

pytestmark = [pytest.mark.urls("tests.attacks.apis"), pytest.mark.django_db]

LONGEST = 1_048_576
INNER_NONE = ".".join(
    [encode(b'{"alg":"none"}'), encode(json.dumps(claims()).encode()), ""]
)


def malformed(**edits):
    return Fault("", MalformedToken, **edits)


def of_rsa(raw):
    """A fault of an issuer whose public key anybody may encrypt to."""
    return malformed(good_signer=RSA, raw=raw)


def inserted(index, text):
    return part(index, lambda value: value + text)


ROWS = merged(
    faults_of(46),
    {
        "A46-real": of_rsa(encrypted(json.dumps(claims()).encode())),
        "A46-empty-parts": malformed(raw=lambda: sign() + ".."),
        "A46-four-parts": malformed(raw=lambda: sign() + ".AAAA"),
        "A46-six-parts": malformed(raw=lambda: sign() + ".AAAA.AAAA.AAAA"),
    },
    faults_of(47),
    {
        "A47-inner-none": of_rsa(encrypted(INNER_NONE.encode(), cty="JWT")),
        "A47-inner-claims": of_rsa(encrypted(json.dumps(claims()).encode())),
        "A47-inner-signed": of_rsa(lambda: encrypted(sign().encode(), cty="JWT")()),
        "A47-typ-at+jwt": of_rsa(
            encrypted(INNER_NONE.encode(), cty="JWT", typ="at+jwt", iss=ISSUER)
        ),
        "A47-cut-to-three-parts": of_rsa(
            lambda: encrypted(INNER_NONE.encode())().rsplit(".", 2)[0]
        ),
    },
    faults_of(51),
    {
        f"A51-{name}": malformed(mangle=inserted(index, "="))
        for index, name in enumerate(("header", "payload", "signature"))
    },
    {
        "A51-two": malformed(mangle=inserted(2, "==")),
        "A51-many": malformed(mangle=inserted(2, "=" * 500)),
        "A51-inside": malformed(mangle=part(1, lambda text: text[:8] + "=" + text[8:])),
        "A51-percent": malformed(mangle=inserted(2, "%3D")),
        # Canonical or not: the last character has bits that nothing decodes.
        "A51-loose-bits": malformed(
            claims={"sub": "x"}, mangle=part(2, lambda text: text[:-1] + "_")
        ),
    },
    faults_of(53),
    {
        "A53-plus-in-header": malformed(mangle=part(0, lambda text: "+" + text[1:])),
        "A53-slash-in-signature": malformed(
            mangle=part(2, lambda text: "/" + text[1:])
        ),
        "A53-both-in-payload": malformed(mangle=inserted(1, "+/+/")),
    },
    faults_of(55),
    {
        f"A55-{name}": malformed(raw=raw)
        for name, raw in {
            "one-dot": lambda: ".",
            "two-dots": lambda: "..",
            "dots-only": lambda: "." * 16384,
            "trailing-and-leading": lambda: f".{sign()}.",
            "tilde": lambda: f"{sign()}~",
            "slash-for-dot": lambda: sign().replace(".", "/"),
            "empty-header": lambda: "." + sign().partition(".")[2],
            "empty-payload": lambda: "{0}..{2}".format(*sign().split(".")),
        }.items()
    },
    faults_of(56),
    {
        "A56-1-MB-of-dots": Fault("", TokenTooLong, raw=lambda: "." * MILLION),
        "A56-1-MB-signature": Fault(
            "", TokenTooLong, mangle=part(2, lambda _: "A" * MILLION)
        ),
        "A56-1-MB-within-the-limit": malformed(
            raw=lambda: "A" * MILLION, max_token_length=LONGEST
        ),
        "A56-1-MB-signature-within-the-limit": Fault(
            "",
            BadSignature,
            mangle=part(2, lambda _: "A" * MILLION),
            max_token_length=LONGEST,
        ),
    },
    faults_of(57),
    {
        "A57-real": of_rsa(encrypted(bytes(4 * MILLION), compressed=True)),
        "A57-nested": of_rsa(
            encrypted(zlib.compress(bytes(4 * MILLION), wbits=-15), compressed=True)
        ),
    },
    faults_of(58),
    {
        f"A58-{name}": malformed(
            raw=jwe(alg="PBES2-HS512+A256KW", p2s="AAAA", p2c=count)
        )
        for name, count in {
            "p2c-2**31-1": 2**31 - 1,
            "p2c-10**18": 10**18,
            "p2c-negative": -1,
            "p2c-text": "2147483647",
        }.items()
    },
)


@pytest.mark.parametrize("row", ROWS)
def test_what_is_no_strict_token_is_none(row, caplog, monkeypatch):
    strike_fault(ROWS[row], caplog, monkeypatch)


def bearer(change):
    return lambda token: Sent((f"Bearer {change(token)}",))


def serialized(token, **members):
    protected, payload, signature = token.split(".")
    made = {"payload": payload, "protected": protected, "signature": signature}
    return {**made, **members}


def flattened(token):
    return json.dumps(serialized(token), separators=(",", ":"))


def general(token):
    made = serialized(token)
    payload = made.pop("payload")
    return json.dumps({"payload": payload, "signatures": [made]})


def polyglot(token):
    return json.dumps({"protected": "", "payload": "", "x": token})


def posted(change, key="access_token"):
    def send(token):
        body = urlencode({key: change(token)}).encode()
        return Sent((), "POST", "", body, "application/x-www-form-urlencoded")

    return send


def as_json_body(change):
    return lambda token: Sent(
        (), "POST", "", change(token).encode(), "application/jose+json"
    )


SERIALIZED = {
    # A comma parts two credentials, and no token holds one.
    "A49-flattened": (bearer(flattened), IR),
    "A49-general": (bearer(general), IR),
    "A49-spaced": (bearer(lambda token: json.dumps(serialized(token))), IR),
    "A49-payload-alone": (bearer(lambda token: '{"payload":"e30"}'), IT),
    "A49-base64url-of-it": (
        bearer(lambda token: encode(flattened(token).encode())),
        IT,
    ),
    "A49-base64url-of-it-as-header": (
        bearer(lambda token: f"{encode(flattened(token).encode())}.e30.AAAA"),
        IT,
    ),
    "A49-form": (posted(flattened), NA),
    "A49-form-general": (posted(general), NA),
    "A49-body": (as_json_body(flattened), NA),
    "A50-header": (bearer(polyglot), IR),
    "A50-without-comma": (bearer(lambda token: f'{{"x":"{token}"}}'), IT),
    "A50-compact-first": (bearer(lambda token: f'{token}{{"payload":"e30"}}'), IT),
    "A50-compact-between-braces": (bearer(lambda token: f'{{"{token}"}}'), IT),
    "A50-dots-in-members": (
        bearer(lambda token: f'{{"{token.replace(".", "x.", 1)}'),
        IT,
    ),
    "A50-form": (posted(polyglot), NA),
}
BLANKS = {
    "space": " ",
    "newline": "\n",
    "return": "\r",
    "folded": "\r\n ",
    "tab": "\t",
    "vertical-tab": "\x0b",
    "form-feed": "\x0c",
    "NUL": "\0",
    "escape": f"\x1b[31m{EVIL}",
    "delete": "\x7f",
    "next-line": "\x85",
    "no-break-space": "\xa0",
    "soft-hyphen": "\xad",
    "BOM": "\xef\xbb\xbf",
    "em-space": "\u2003".encode().decode("latin-1"),
}
EVERYWHERE = ("space", "newline", "return", "tab", "NUL", "no-break-space")
PLACES = {
    "leading": lambda blank, token: blank + token,
    "trailing": lambda blank, token: token + blank,
    "inner": lambda blank, token: token[:9] + blank + token[9:],
    "at-a-dot": lambda blank, token: token.replace(".", blank + ".", 1),
}


def blanked(place, blank):
    return bearer(lambda token: PLACES[place](blank, token))


TRANSPORTED = merged(
    SERIALIZED,
    {
        f"A52-{place}-{name}": (blanked(place, BLANKS[name]), IR)
        for place in PLACES
        for name in EVERYWHERE
    },
    {
        f"A52-trailing-{name}": (blanked("trailing", blank), IR)
        for name, blank in BLANKS.items()
        if name not in EVERYWHERE
    },
    {f"A52-{place}-percent": (blanked(place, "%20"), IT) for place in PLACES},
    {
        "A52-backslash-n": (bearer(lambda token: rf"{token}\n"), IT),
        "A52-quoted": (bearer(lambda token: f'"{token}"'), IT),
    },
)


@pytest.mark.parametrize("row", TRANSPORTED)
def test_what_is_no_bearer_token_is_refused(row, caplog, monkeypatch):
    make, outcome = TRANSPORTED[row]
    strike_sent(make, outcome, caplog, monkeypatch)


# In a process of its own: its memory would hide what every other attack takes.
HUGE = """
import django
from django.test import override_settings
django.setup()
from tests.attacks.apis import PATHS
from tests.attacks.harness import HANDLERS, Sent
huge = Sent(("Bearer " + "A" * {length},))
with override_settings(ROOT_URLCONF="tests.attacks.apis"):
    for handler, send in HANDLERS.items():
        answer = send(PATHS[handler], huge)
        print(handler, answer.status, len(answer.body) < 200)
"""


@pytest.mark.parametrize("length", [pytest.param(100 * MILLION, id="A56-100-MB")])
def test_what_a_server_let_through_is_refused_unread(length):
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", HUGE.format(length=length)],
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"},
        cwd=Path(__file__).parents[2],
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout.splitlines() == [f"{name} 401 True" for name in HANDLERS]
    assert "AAAA" not in done.stderr
