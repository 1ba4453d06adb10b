"""Client authentication: each method's request, and credentials that are none."""

from __future__ import annotations

import base64
import copy
import datetime
import functools
import json
import pickle
import traceback
from dataclasses import FrozenInstanceError
from urllib.parse import unquote_plus

import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import (
    dsa,
    ec,
    ed448,
    ed25519,
    padding,
    rsa,
    x25519,
)

from django_oidc_rs.core.client_authentication import (
    METHODS,
    AuthenticatedForm,
    ClientAuthenticationError,
    ClientCredentials,
    authenticate,
    choose_method,
)

from .builders import ISSUER, NOW

SECRET = "s3cret-of-32-bytes-or-more-" * 2
CERTIFICATE = ("/etc/client.pem", "/etc/client.key")
JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
KEYS = {
    "RS256": lambda: rsa.generate_private_key(65537, 2048),
    "RSA-1024": lambda: rsa.generate_private_key(65537, 1024),
    "RSA-2047": lambda: rsa.generate_private_key(65537, 2047),
    "ES256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "ES384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "ES512": lambda: ec.generate_private_key(ec.SECP521R1()),
    "secp256k1": lambda: ec.generate_private_key(ec.SECP256K1()),
    "secp224r1": lambda: ec.generate_private_key(ec.SECP224R1()),
    "Ed25519": ed25519.Ed25519PrivateKey.generate,
    "Ed448": ed448.Ed448PrivateKey.generate,
    "X25519": x25519.X25519PrivateKey.generate,
    "DSA": lambda: dsa.generate_private_key(1024),
}
PKCS8 = serialization.PrivateFormat.PKCS8
TRADITIONAL = serialization.PrivateFormat.TraditionalOpenSSL
UNPROTECTED = serialization.NoEncryption()


@functools.cache
def key(name="ES256"):
    return KEYS[name]()


def pem(name="ES256", layout=PKCS8, protection=UNPROTECTED):
    encoding = serialization.Encoding.PEM
    return key(name).private_bytes(encoding, layout, protection).decode()


def public_pem(name="ES256", layout=serialization.PublicFormat.SubjectPublicKeyInfo):
    public = key(name).public_key()
    return public.public_bytes(serialization.Encoding.PEM, layout).decode()


def certificate_pem():
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "client")])
    start = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    certificate = x509.CertificateBuilder(
        name, name, key().public_key(), 1, start, start + datetime.timedelta(9)
    ).sign(key(), hashes.SHA256())
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def credentials(client_id="api", **fields):
    return ClientCredentials(client_id=client_id, **fields)


def of(kind, **fields):
    """Return good credentials of ``kind``."""
    value = {
        "client_secret": SECRET,
        "private_key": pem(),
        "certificate": CERTIFICATE,
        "bearer_token": "abc.DEF-_~+/==",
    }[kind]
    return credentials(**{kind: value, **fields})


def made(given, method, *, now=float(NOW)):
    return authenticate(given, method, audience=ISSUER, now=now)


def refused(**fields):
    """Return the code of why ``fields`` are no credentials; no text shows a secret."""
    with pytest.raises(ClientAuthenticationError) as failed:
        credentials(**fields)
    text = "".join(traceback.format_exception(failed.value)) + repr(failed.value)
    for name in ("client_secret", "private_key", "bearer_token"):
        assert not (value := fields.get(name)) or ascii(value)[1:-1] not in text
    return failed.value.code


def claims_of(form):
    return jwt.decode(
        form.fields["client_assertion"], options={"verify_signature": False}
    )


# RFC 6749 section 2.3.1


@pytest.mark.parametrize(
    ("client_id", "secret", "pair"),
    [
        pytest.param("api", "word", "api:word", id="plain"),
        pytest.param("a:b", "c:d", "a%3Ab:c%3Ad", id="IN-12-colon"),
        pytest.param("50%", "%41", "50%25:%2541", id="IN-12-percent"),
        pytest.param("a+b", "c d", "a%2Bb:c+d", id="IN-12-plus-and-space"),
        pytest.param("f\u00fcr", "\u00fc", "f%C3%BCr:%C3%BC", id="IN-12-u-umlaut"),
        pytest.param("a/b", "=&?#", "a%2Fb:%3D%26%3F%23", id="IN-12-reserved"),
        pytest.param("\U0001f511", "\n", "%F0%9F%94%91:%0A", id="IN-12-emoji"),
        pytest.param("-._~", "*", "-._~:%2A", id="IN-12-unreserved"),
    ],
)
def test_basic_is_form_encoded_before_base64(client_id, secret, pair):
    given = credentials(client_id, client_secret=secret)
    form = made(given, "client_secret_basic")
    scheme, _, value = form.headers["Authorization"].partition(" ")
    assert (scheme, base64.b64decode(value).decode()) == ("Basic", pair)
    sent = [unquote_plus(each) for each in pair.split(":")]
    assert sent == [client_id, secret]
    assert (list(form.headers), form.fields, form.certificate) == (
        ["Authorization"],
        {},
        None,
    )


def test_basic_is_one_line_however_long_the_secret():
    form = made(credentials(client_secret="s" * 999), "client_secret_basic")
    assert form.headers["Authorization"].isprintable()


def test_in_13_post_sends_id_and_secret_in_the_form():
    given = credentials("f\u00fc:r", client_secret="50 %+")
    assert made(given, "client_secret_post") == AuthenticatedForm(
        fields={"client_id": "f\u00fc:r", "client_secret": "50 %+"}
    )


# RFC 7523


def test_in_13_an_assertion_takes_the_secrets_place():
    form = made(of("private_key"), "private_key_jwt")
    assert (form.headers, form.certificate) == ({}, None)
    assert form.fields == {
        "client_id": "api",
        "client_assertion_type": JWT_BEARER,
        "client_assertion": form.fields["client_assertion"],
    }


@pytest.mark.parametrize(
    ("kind", "method"),
    [("private_key", "private_key_jwt"), ("client_secret", "client_secret_jwt")],
)
def test_in_13_the_claims_of_an_assertion(kind, method):
    claims = claims_of(made(of(kind, client_id="f\u00fcr"), method, now=NOW + 0.9))
    assert claims == {
        "iss": "f\u00fcr",
        "sub": "f\u00fcr",
        "aud": ISSUER,
        "iat": NOW,
        "exp": NOW + 60,
        "jti": claims["jti"],
    }
    assert type(claims["iat"]) is type(claims["exp"]) is int
    assert SECRET not in json.dumps(claims)


@pytest.mark.parametrize(
    ("kind", "method"),
    [("private_key", "private_key_jwt"), ("client_secret", "client_secret_jwt")],
)
def test_in_13_no_two_assertions_have_one_jti(kind, method):
    given = of(kind)
    jtis = {claims_of(made(given, method))["jti"] for _ in range(20)}
    assert len(jtis) == 20
    # 256 bits: RFC 7519 section 4.1.7 wants no collision, ever.
    assert {len(jti) for jti in jtis} == {43}


@pytest.mark.parametrize("layout", [PKCS8, TRADITIONAL], ids=["pkcs8", "traditional"])
@pytest.mark.parametrize("name", ["RS256", "ES256", "ES384", "ES512"])
def test_in_13_the_public_key_verifies_the_assertion(name, layout):
    given = credentials(private_key=pem(name, layout), key_id="k\u00fc")
    raw = made(given, "private_key_jwt").fields["client_assertion"]
    assert jwt.get_unverified_header(raw) == {
        "alg": name,
        "typ": "JWT",
        "kid": "k\u00fc",
    }
    verify(raw, name, public_pem(name))


@pytest.mark.parametrize("name", ["Ed25519", "Ed448"])
def test_in_13_edwards_keys_sign_with_eddsa(name):
    given = credentials(private_key=pem(name))
    raw = made(given, "private_key_jwt").fields["client_assertion"]
    assert jwt.get_unverified_header(raw) == {"alg": "EdDSA", "typ": "JWT"}
    verify(raw, "EdDSA", public_pem(name))


def test_in_13_client_secret_jwt_is_hs256_over_the_secrets_utf_8():
    secret = "\u00fc" * 16
    given = credentials(client_secret=secret)
    raw = made(given, "client_secret_jwt").fields["client_assertion"]
    assert jwt.get_unverified_header(raw) == {"alg": "HS256", "typ": "JWT"}
    verify(raw, "HS256", secret.encode())


def verify(raw, algorithm, material):
    options = {"verify_exp": False, "verify_iat": False, "require": ["exp", "jti"]}
    claims = jwt.decode(
        raw, material, algorithms=[algorithm], audience=ISSUER, options=options
    )
    assert claims["sub"] == "api"
    head, _, _ = raw.rpartition(".")
    with pytest.raises(jwt.InvalidSignatureError):
        jwt.decode(
            f"{head}.{'A' * 86}",
            material,
            algorithms=[algorithm],
            audience=ISSUER,
            options=options,
        )


def test_signatures_of_rsa_are_pkcs1_v1_5():
    raw = made(credentials(private_key=pem("RS256")), "private_key_jwt").fields[
        "client_assertion"
    ]
    head, _, signature = raw.rpartition(".")
    assert "=" not in raw
    key("RS256").public_key().verify(
        base64.urlsafe_b64decode(signature + "=="),
        head.encode(),
        padding.PKCS1v15(),
        hashes.SHA256(),
    )


def test_ecdsa_numbers_keep_their_leading_zeros():
    given = of("private_key")
    for _ in range(600):
        raw = made(given, "private_key_jwt").fields["client_assertion"]
        assert len(raw.rpartition(".")[2]) == 86


# RFC 8705, RFC 6750


@pytest.mark.parametrize("certificate", [CERTIFICATE, ("/etc/both.pem", None)])
def test_in_13_tls_client_auth_names_the_client_in_the_form(certificate):
    given = credentials(certificate=certificate)
    assert made(given, "tls_client_auth") == AuthenticatedForm(
        fields={"client_id": "api"}, certificate=certificate
    )


def test_a_bearer_token_goes_into_the_header():
    given = of("bearer_token", client_id="")
    assert made(given, "bearer") == AuthenticatedForm(
        headers={"Authorization": "Bearer abc.DEF-_~+/=="}
    )


# Which method


@pytest.mark.parametrize(
    ("kind", "supported", "method"),
    [
        ("client_secret", None, "client_secret_basic"),
        ("client_secret", [], "client_secret_basic"),
        ("private_key", None, "private_key_jwt"),
        ("certificate", None, "tls_client_auth"),
        ("bearer_token", None, "bearer"),
        ("client_secret", METHODS[::-1], "client_secret_basic"),
        (
            "client_secret",
            ["client_secret_jwt", "client_secret_post"],
            "client_secret_post",
        ),
        ("client_secret", ["client_secret_jwt"], "client_secret_jwt"),
        ("client_secret", ["none", "client_secret_post"], "client_secret_post"),
        ("private_key", ["client_secret_basic", "private_key_jwt"], "private_key_jwt"),
        ("certificate", ["tls_client_auth"], "tls_client_auth"),
        ("certificate", ["self_signed_tls_client_auth"], "tls_client_auth"),
        ("bearer_token", ["client_secret_basic", "Bearer"], "bearer"),
        ("bearer_token", ["bearer"], "bearer"),
    ],
)
def test_the_metadata_chooses_the_method(kind, supported, method):
    assert choose_method(of(kind), supported) == method


@pytest.mark.parametrize(
    ("kind", "supported"),
    [
        ("client_secret", ["private_key_jwt", "tls_client_auth", "Bearer"]),
        ("client_secret", ["none"]),
        ("client_secret", ["CLIENT_SECRET_BASIC"]),
        ("private_key", ["client_secret_jwt"]),
        ("certificate", ["client_secret_basic"]),
    ],
)
def test_no_method_is_made_up(kind, supported):
    with pytest.raises(ClientAuthenticationError) as failed:
        choose_method(of(kind), supported)
    assert failed.value.code == "no_method_fits"


@pytest.mark.parametrize(
    ("client_id", "secret", "method"),
    [
        ("api", "word", "client_secret_basic"),
        ("api", "w:ord", "client_secret_post"),
        ("a pi", "word", "client_secret_post"),
    ],
)
def test_a_pair_that_basic_would_encode_goes_into_the_form(client_id, secret, method):
    """Some servers do not decode it again."""
    given = credentials(client_id, client_secret=secret)
    both = ["client_secret_basic", "client_secret_post"]
    assert choose_method(given, both) == method
    assert choose_method(given, both[:1]) == "client_secret_basic"
    assert choose_method(given, None) == "client_secret_basic"


def test_a_bearer_token_needs_no_mention():
    assert choose_method(of("bearer_token"), ["client_secret_basic"]) == "bearer"


def test_a_method_of_the_settings_wins():
    given = of("client_secret", method="client_secret_post")
    assert choose_method(given, ["client_secret_basic"]) == "client_secret_post"
    assert choose_method(given, None) == "client_secret_post"


def test_a_short_secret_is_never_an_hmac_key():
    given = credentials(client_secret="s" * 31)
    supported = ["client_secret_jwt"]
    with pytest.raises(ClientAuthenticationError) as failed:
        choose_method(given, supported)
    assert failed.value.code == "no_method_fits"
    assert choose_method(given, [*supported, "client_secret_post"]) == (
        "client_secret_post"
    )
    with pytest.raises(ClientAuthenticationError) as failed:
        made(given, "client_secret_jwt")
    assert failed.value.code == "short_secret"
    assert choose_method(credentials(client_secret="s" * 32), supported) == supported[0]


FITTING = {
    "client_secret_basic": "client_secret",
    "client_secret_post": "client_secret",
    "client_secret_jwt": "client_secret",
    "private_key_jwt": "private_key",
    "tls_client_auth": "certificate",
    "bearer": "bearer_token",
}


def test_the_methods_are_these():
    assert set(METHODS) == set(FITTING)


@pytest.mark.parametrize("method", FITTING)
@pytest.mark.parametrize("kind", sorted(set(FITTING.values())))
def test_a_method_takes_its_own_credential_alone(kind, method):
    if FITTING[method] == kind:
        assert choose_method(of(kind, method=method), None) == method
        assert made(of(kind, method=method), method)
        return
    with pytest.raises(ClientAuthenticationError) as failed:
        of(kind, method=method)
    assert failed.value.code == "method_does_not_fit"
    with pytest.raises(ClientAuthenticationError) as failed:
        made(of(kind), method)
    assert failed.value.code == "method_does_not_fit"


@pytest.mark.parametrize("method", ["", "none", "basic", "Bearer", "client_secret\n"])
def test_another_method_is_unknown(method):
    assert refused(client_secret=SECRET, method=method) == "unknown_method"
    with pytest.raises(ClientAuthenticationError) as failed:
        made(of("client_secret"), method)
    assert failed.value.code == "unknown_method"
    assert str(failed.value).isprintable()


# Credentials that are none


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({}, "no_credentials"),
        ({"client_secret": ""}, "no_credentials"),
        ({"private_key": ""}, "no_credentials"),
        ({"bearer_token": ""}, "no_credentials"),
        ({"key_id": "k", "method": "private_key_jwt"}, "no_credentials"),
        ({"client_secret": SECRET, "private_key": "x"}, "several_credentials"),
        ({"client_secret": SECRET, "bearer_token": "x"}, "several_credentials"),
        ({"client_secret": SECRET, "certificate": CERTIFICATE}, "several_credentials"),
        ({"client_id": "", "client_secret": SECRET}, "no_client_id"),
        ({"client_id": "", "certificate": CERTIFICATE}, "no_client_id"),
        ({"client_secret": SECRET + "\ud800"}, "not_unicode"),
        ({"client_id": "\udfff", "client_secret": SECRET}, "not_unicode"),
        ({"client_secret": "s" * 31, "method": "client_secret_jwt"}, "short_secret"),
        ({"private_key": "\udead"}, "not_unicode"),
        ({"bearer_token": "a b"}, "malformed_bearer_token"),
        ({"bearer_token": "tok\r\nX: y"}, "malformed_bearer_token"),
        ({"bearer_token": "token\n"}, "malformed_bearer_token"),
        ({"bearer_token": "t\u00f6ken"}, "malformed_bearer_token"),
        ({"bearer_token": "=="}, "malformed_bearer_token"),
    ],
)
def test_credentials_that_authenticate_nobody_are_refused(fields, code):
    assert refused(**fields) == code


PASSWORD = serialization.BestAvailableEncryption(b"word")


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda: "secret-but-no-pem", "unusable_private_key"),
        (lambda: "/etc/client.key", "unusable_private_key"),
        (lambda: pem()[:90], "unusable_private_key"),
        (lambda: pem().replace("M", "N", 1), "unusable_private_key"),
        (lambda: public_pem(), "public_key"),
        (
            lambda: public_pem("RS256", serialization.PublicFormat.PKCS1),
            "public_key",
        ),
        (certificate_pem, "public_key"),
        (lambda: pem(protection=PASSWORD), "encrypted_private_key"),
        (
            lambda: pem("RS256", TRADITIONAL, PASSWORD),
            "encrypted_private_key",
        ),
        (lambda: pem("RSA-1024"), "weak_private_key"),
        (lambda: pem("RSA-2047"), "weak_private_key"),
        (lambda: pem("secp256k1"), "unsupported_private_key"),
        (lambda: pem("secp224r1"), "unsupported_private_key"),
        (lambda: pem("X25519"), "unsupported_private_key"),
        (lambda: pem("DSA"), "unsupported_private_key"),
        (lambda: UNKNOWN_CURVE, "unsupported_private_key"),
    ],
    ids=[
        "no-pem",
        "path",
        "cut-off",
        "damaged",
        "public",
        "public-pkcs1",
        "certificate",
        "encrypted-pkcs8",
        "encrypted-traditional",
        "rsa-1024",
        "rsa-2047",
        "secp256k1",
        "p-224",
        "x25519",
        "dsa",
        "unknown-curve",
    ],
)
def test_a_private_key_that_cannot_sign_is_refused(make, code):
    assert refused(private_key=make()) == code


def pem_of_unknown_curve():
    """A PKCS#8 key on a curve whose name (1.3.132.0.5, sect113r2) nobody offers."""
    curve = bytes.fromhex("06052b81040005")
    algorithm = bytes.fromhex("06072a8648ce3d0201") + curve
    private = bytes.fromhex("020101040f") + bytes(14) + b"\1"
    private = b"\x30" + bytes([len(private)]) + private
    info = (
        bytes.fromhex("020100")
        + b"\x30"
        + bytes([len(algorithm)])
        + algorithm
        + b"\x04"
        + bytes([len(private)])
        + private
    )
    text = base64.b64encode(b"\x30" + bytes([len(info)]) + info).decode()
    return f"-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----\n"


UNKNOWN_CURVE = pem_of_unknown_curve()


def test_a_private_key_with_its_certificate_is_a_private_key():
    """One file for both is how many tools write them."""
    for text in (certificate_pem() + pem(), pem() + certificate_pem()):
        assert made(credentials(private_key=text), "private_key_jwt").fields


# Secrets stay where they are


@pytest.mark.parametrize("kind", sorted(set(FITTING.values()) - {"certificate"}))
def test_secrets_show_nowhere(kind):
    given = of(kind)
    secret = getattr(given, kind)
    shown = repr(given) + str(given)
    assert "api" in shown
    assert secret not in shown
    assert repr(secret) not in shown
    for method in METHODS:
        if FITTING[method] == kind:
            form = made(given, method)
            values = [*form.headers.values(), *form.fields.values()]
            assert not any(value in repr(form) for value in values)


def test_all_that_shows_is_no_secret():
    assert repr(of("private_key", key_id="k")) == (
        "ClientCredentials(client_id='api', key_id='k', certificate=None, method=None)"
    )


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_secrets_are_not_pickled(protocol):
    given = of("client_secret")
    for each in (given, made(given, "client_secret_basic")):
        with pytest.raises(TypeError) as failed:
            pickle.dumps(each, protocol)
        assert SECRET not in str(failed.value)
        with pytest.raises(TypeError):
            copy.copy(each)


def test_credentials_cannot_change():
    given = of("client_secret")
    with pytest.raises(FrozenInstanceError):
        given.client_secret = "other"
    with pytest.raises(FrozenInstanceError):
        made(given, "client_secret_post").fields = {}


def test_equal_credentials_are_equal():
    assert of("private_key") == of("private_key")
    assert hash(of("private_key")) == hash(of("private_key"))
    assert of("private_key") != of("private_key", key_id="k")
