"""B: bearer token usage."""

from ..records import Section, differs, held, not_applicable

BEARER = Section(
    letter="B",
    title="Bearer token usage (RFC 6750)",
    file="test_b_bearer.py",
    requirements=(
        held(
            "B7",
            "RFC 6750 section 2.1",
            "A token in the `Authorization` header is accepted.",
            "test_the_header_is_a_way_in",
        ),
        held(
            "B8",
            "RFC 6750 section 2.1",
            "Credentials are the scheme, a blank and one `b64token`, and nothing else.",
            "test_other_credentials_are_malformed",
        ),
        differs(
            "B9",
            "RFC 6750 sections 2, 3.1",
            "A request that carries a token in more than one way is `invalid_request`.",
            "Tokens in forms and queries are not looked at: a copy there changes "
            "nothing. Two `Authorization` fields are refused (A4).",
            "test_a_second_copy_elsewhere_is_not_looked_at",
        ),
        held(
            "B10",
            "RFC 6750 section 2.2",
            "A token in the body does not count outside a form; here it never does.",
            "test_a_token_in_the_body_is_none",
        ),
        held(
            "B11",
            "RFC 6750 section 2.3; RFC 9700 section 4.3.2",
            "A token in the query is not accepted, and reaches no log.",
            "test_a_token_in_the_query_is_none",
        ),
        not_applicable(
            "B12",
            "RFC 6750 section 2.3",
            "An answer to a token in the query is marked `private`.",
            "No token is taken from a query (B11).",
        ),
        held(
            "B13",
            "RFC 6750 section 3",
            "Without credentials, or with a token that does not suffice, there is a "
            "challenge.",
            "test_no_credentials_are_told_so",
            "test_each_refusal_has_its_status_and_code",
        ),
        held(
            "B14",
            "RFC 6750 section 3",
            "The scheme of a challenge is followed by at least one parameter.",
            "test_no_credentials_are_told_so",
            "test_each_refusal_has_its_status_and_code",
        ),
        held(
            "B15",
            "RFC 6750 section 3",
            "No parameter stands twice in a challenge.",
            "test_no_credentials_are_told_so",
            "test_each_refusal_has_its_status_and_code",
        ),
        held(
            "B16",
            "RFC 6750 section 3; RFC 6749 section 3.3",
            "`scope` holds scope tokens alone; a scope that is none does not start.",
            "test_a_scope_that_would_break_the_header_does_not_start",
        ),
        held(
            "B17",
            "RFC 6750 section 3.1",
            "Without credentials the challenge has no error code.",
            "test_no_credentials_are_told_so",
        ),
        held(
            "B18",
            "RFC 6750 section 3",
            "With a token that failed the challenge has one.",
            "test_each_refusal_has_its_status_and_code",
        ),
        held(
            "B19",
            "RFC 6750 section 3",
            "`error_description` keeps to its characters.",
            "test_a_description_keeps_to_its_characters",
        ),
        held(
            "B20",
            "RFC 6750 section 3.1",
            "`invalid_request` is 400, `invalid_token` 401, `insufficient_scope` 403.",
            "test_each_refusal_has_its_status_and_code",
        ),
        held(
            "B21",
            "RFC 6750 section 3.1",
            "A 403 names the scopes that are needed, all at once.",
            "test_all_scopes_needed_are_named_at_once",
        ),
        not_applicable(
            "B22",
            "RFC 6750 sections 5.2, 5.3",
            "Tokens travel over TLS alone.",
            "TLS ends before Django; [SECURITY.md](../SECURITY.md) says what to do.",
        ),
        held(
            "B23",
            "RFC 6750 section 5.3",
            "No token is put into a cookie.",
            "test_no_cookie_and_no_session_keep_the_token",
        ),
        held(
            "B24",
            "RFC 6750 section 3.1",
            "A bad token is refused where anybody may come in; it does not make its "
            "caller anonymous.",
            "test_a_bad_token_is_refused_where_anybody_may_come_in",
        ),
    ),
)
