"""V: the best current practice for OAuth 2.0 security."""

from ..records import Section, held, not_applicable, not_built

SECURITY_PRACTICE = Section(
    letter="V",
    title="OAuth 2.0 security best current practice (RFC 9700)",
    file="test_v_security_practice.py",
    requirements=(
        not_built(
            "V248",
            "RFC 9700 section 2.2.1",
            "Sender-constrained tokens are used.",
            "This version cannot confirm them. A token with `cnf` is refused: it never "
            "passes for a bearer token.",
            "test_a_bound_token_is_not_taken_for_a_bearer_token",
        ),
        held(
            "V249",
            "RFC 9700 section 2.3",
            "Every request's token is for this audience.",
            "test_the_audience_is_checked_on_every_view",
            "test_f_jwt.py::test_one_fault_is_refused",
            "test_f_jwt.py::test_one_of_the_audiences_is_ours",
        ),
        held(
            "V250",
            "RFC 9700 section 2.3",
            "Every request's token suffices for what it does, whatever the method.",
            "test_scopes_are_demanded_of_every_method",
            "test_options_is_no_way_around",
            "test_a_method_may_want_its_own_scope",
            "test_h_access_tokens.py::"
            "test_what_the_caller_names_beside_the_token_grants_nothing",
        ),
        held(
            "V251",
            "RFC 9700 section 4.9.3",
            "Tokens are neither logged nor stored.",
            "test_the_token_is_kept_nowhere",
        ),
        not_applicable(
            "V252",
            "RFC 9700 section 4.13",
            "A reverse proxy strips headers that only it may set.",
            "Binds the proxy. No header but `Authorization` is read.",
            "test_no_header_of_a_proxy_is_believed",
        ),
        held(
            "V253",
            "RFC 9700 section 4.15",
            "A client's own token is told from a user's.",
            "test_h_access_tokens.py::test_a_client_is_no_user_of_its_name",
        ),
        held(
            "V254",
            "RFC 9700 section 4.3.2",
            "Tokens come in the header and not in the query.",
            "test_b_bearer.py::test_the_header_is_a_way_in",
            "test_b_bearer.py::test_a_token_in_the_query_is_none",
        ),
        not_applicable(
            "V255",
            "RFC 9700 section 2.6",
            "TLS reaches from end to end.",
            "TLS ends before Django; [SECURITY.md](../SECURITY.md) says what to do.",
        ),
    ),
)
