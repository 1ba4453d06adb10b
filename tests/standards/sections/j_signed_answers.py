"""J: JWT responses of introspection."""

from ..records import Section, held

NO_ANSWER = "test_one_fault_makes_it_no_answer"

SIGNED_ANSWERS = Section(
    letter="J",
    title="Signed introspection answers (RFC 9701)",
    file="test_j_signed_answers.py",
    requirements=(
        held(
            "J124",
            "RFC 9701 section 4",
            "A signed answer is asked for by `Accept: "
            "application/token-introspection+jwt`.",
            "test_a_signed_answer_is_asked_for",
        ),
        held(
            "J125",
            "RFC 9701 section 5",
            "Media type and `typ` are `token-introspection+jwt`; a plain answer is no "
            "substitute.",
            NO_ANSWER,
            "test_a_plain_answer_is_no_substitute",
            "test_the_media_type_is_demanded",
        ),
        held(
            "J126",
            "RFC 9701 section 5",
            "`iss` is the issuer, `aud` this resource server, `iat` is now, and only "
            "`token_introspection` says anything of the token.",
            NO_ANSWER,
            "test_claims_outside_say_nothing",
            "test_the_audience_of_the_answer_is_our_client_id",
            "attacks/test_07_introspection.py::test_an_old_answer_is_none",
        ),
        held(
            "J127",
            "RFC 9701 section 5",
            "An encrypted answer that nobody signed is not believed.",
            "test_an_encrypted_answer_is_none",
            note="No encrypted answer is: nobody can agree on one with this version.",
        ),
        held(
            "J128",
            "RFC 9701 section 8.1",
            "An answer that is sent as an access token is refused.",
            "test_a_signed_answer_is_no_access_token",
        ),
        held(
            "J129",
            "RFC 9701 section 8.1",
            "Access tokens for others, or bound to a key, are refused.",
            "test_i_introspection.py::test_what_is_active_is_checked_all_the_same",
        ),
        held(
            "J130",
            "RFC 9701 section 5",
            "The answer is the one to this question.",
            NO_ANSWER,
            "test_an_answer_about_another_token_is_none",
            note="It was signed for this client, since the question; of a JWT it says "
            "the same subject, client and `jti`.",
        ),
        held(
            "J131",
            "FAPI 2.0 Message Signing section 5.5",
            "Signed answers are asked for, and their signatures verified.",
            "test_a_signed_answer_is_asked_for",
            "test_a_plain_answer_is_no_substitute",
            NO_ANSWER,
            note="Where `SIGNED_RESPONSES` is set.",
        ),
    ),
)
