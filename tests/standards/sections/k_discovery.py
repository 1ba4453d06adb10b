"""K: authorization server metadata."""

from ..records import Section, held, not_applicable

OTHER_ISSUER = "test_metadata_of_another_issuer_is_not_used"
CLIENT = "core/test_http.py"

DISCOVERY = Section(
    letter="K",
    title="Server metadata (RFC 8414, OpenID Connect Discovery) and keys",
    file="test_k_discovery.py",
    requirements=(
        held(
            "K132",
            "RFC 8414 section 3.1",
            "The well-known path stands between host and path, without a final slash.",
            "test_the_address_of_rfc_8414",
            "test_one_form_is_enough",
            "test_the_second_form_is_asked_where_the_first_is_missing",
        ),
        held(
            "K133",
            "OpenID Connect Discovery section 4.1",
            "OpenID Connect's stands after the path, without a final slash.",
            "test_the_address_of_openid_connect",
            "test_one_form_is_enough",
        ),
        held(
            "K134",
            "RFC 8414 section 3.3; OpenID Connect Discovery section 4.3",
            "Metadata whose `issuer` is not exactly the one asked for is not used.",
            OTHER_ISSUER,
        ),
        held(
            "K135",
            "OpenID Connect Discovery section 4.3",
            "That value equals `iss` of the tokens.",
            "test_h_access_tokens.py::test_one_fault_is_refused",
        ),
        held(
            "K136",
            "RFC 8414 section 2; OpenID Connect Discovery section 3",
            "An issuer is an https URL without query and fragment.",
            "test_an_issuer_is_an_https_url",
            note="Plain http reaches loopback and `ALLOW_INSECURE` alone. Any string "
            "will do where the settings say where the keys lie.",
        ),
        held(
            "K137",
            "RFC 8414 section 2",
            "`jwks_uri` is an https URL.",
            "test_keys_are_fetched_by_https",
            note="As K136.",
        ),
        held(
            "K138",
            "RFC 8414 section 3.2",
            "A document is a JSON object with status 200; unknown members are ignored.",
            "test_unknown_members_are_ignored",
            "test_what_is_no_document_leads_nowhere",
            f"{CLIENT}::test_a_page_is_no_document",
        ),
        held(
            "K139",
            "RFC 8414 section 6.1",
            "The certificate of the server is verified; nothing switches that off.",
            "test_no_setting_switches_verification_off",
            f"{CLIENT}::test_a_bad_certificate_is_refused",
            f"{CLIENT}::test_a_certificate_of_another_authority_is_refused",
        ),
        held(
            "K140",
            "RFC 8414 section 6.2",
            "Nobody poses as an issuer by serving metadata that names it.",
            OTHER_ISSUER,
        ),
        held(
            "K141",
            "RFC 8414 section 2.1",
            "`signed_metadata` is verified, or ignored; here ignored.",
            "test_unknown_members_are_ignored",
        ),
        held(
            "K142",
            "OpenID Connect Discovery section 3",
            "Private and symmetric keys, and keys for encryption, are not used.",
            "test_an_encryption_key_beside_is_not_used",
            "test_d_jwk.py::test_a_bad_key_is_refused_and_the_others_serve",
            note="`x5c` is not looked at.",
        ),
        held(
            "K143",
            "OpenID Connect Core section 10.1.1",
            "An unknown `kid` makes the set be fetched again; random ones cost next to "
            "nothing.",
            "test_a_rotated_key_is_found_and_random_names_cost_two_fetches",
        ),
        held(
            "K144",
            "OpenID Connect Core section 10.1",
            "Without `kid`, only keys that fit are tried, and four at most.",
            "test_without_kid_four_keys_are_tried",
        ),
        held(
            "K145",
            "OpenID Connect Core section 10.1.1",
            "A key that left the set verifies nothing any more.",
            "test_a_key_that_is_gone_is_gone",
        ),
        held(
            "K146",
            "RFC 5861 section 4",
            "Known keys outlive a failed fetch, for a bounded time.",
            "test_known_keys_outlive_a_failure_for_a_time",
        ),
        held(
            "K147",
            "CWE-400, CWE-918",
            "Fetching follows no redirect, keeps no cookie, and is bounded in size and "
            "time.",
            f"{CLIENT}::test_a_redirect_is_not_followed",
            f"{CLIENT}::test_cookies_are_not_kept",
            f"{CLIENT}::test_more_is_refused",
            f"{CLIENT}::test_a_bomb_is_not_inflated",
            f"{CLIENT}::test_a_slow_answer_ends_at_the_deadline",
        ),
        not_applicable(
            "K148",
            "RFC 8414 section 5",
            "Where both documents exist they agree.",
            "One is used; the other is not asked for.",
            "test_one_form_is_enough",
        ),
    ),
)
