"""E: algorithms."""

from ..records import Section, held, not_built

REFUSED = "test_one_fault_is_refused"
CURVE = "test_a_curve_for_something_else_is_refused"

JWA = Section(
    letter="E",
    title="Algorithms (RFC 7518, RFC 8037, RFC 8812)",
    file="test_e_jwa.py",
    requirements=(
        held(
            "E52",
            "RFC 7518 section 3.2",
            "A shared secret is at least as long as the hash.",
            "test_a_secret_is_as_long_as_the_hash",
        ),
        held(
            "E53",
            "RFC 7518 section 3.2",
            "MACs are compared in constant time.",
            "test_macs_are_compared_in_constant_time",
        ),
        held(
            "E54",
            "RFC 7518 sections 3.3, 3.5",
            "RSA keys have 2,048 bits or more.",
            "test_a_short_rsa_key_is_refused",
        ),
        held(
            "E55",
            "RFC 7518 section 3.4",
            "An ECDSA signature is R and S in full length, both in range; never DER.",
            REFUSED,
        ),
        held(
            "E56",
            "RFC 7518 section 3.4",
            "Each ECDSA algorithm goes with its curve alone.",
            REFUSED,
        ),
        held(
            "E57",
            "RFC 7518 section 3.5",
            "PSS has the hash's length of salt, and the same hash in its mask.",
            REFUSED,
        ),
        held(
            "E58",
            "RFC 7518 sections 3.6, 8.5",
            "`none` is never accepted, in whatever spelling.",
            REFUSED,
        ),
        held(
            "E59",
            "RFC 8037 section 3.1",
            "Keys on X25519 and X448 verify no signatures.",
            CURVE,
        ),
        not_built(
            "E60",
            "RFC 8812 section 3",
            "`ES256K` goes with secp256k1 alone.",
            "The algorithm is not offered; tokens and keys that name it are refused.",
            REFUSED,
            CURVE,
        ),
    ),
)
