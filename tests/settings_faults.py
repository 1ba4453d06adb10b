"""Wrong settings, one mistake each: what ``test_conf`` and ``test_checks`` share."""

from django_oidc_rs.testing.signing import SigningKey

ISSUER = "https://issuer.test"


ABSENT = object()


def validator(access_token):
    """Accept everything."""


async def async_function(access_token):
    """Return a coroutine that nobody awaits."""


def generator_function(access_token):
    """Return a generator that nobody asks."""
    yield


async def async_generator_function(access_token):
    """Return an asynchronous generator that nobody asks."""
    yield


class AsyncCallable:
    """Be called like a function, and wait for somebody to await."""

    async def __call__(self, access_token):
        """Refuse nobody."""


class Callable:
    """Be called like a function."""

    def __call__(self, access_token):
        """Accept everything."""


async_callable = AsyncCallable()
callable_object = Callable()
no_function = 7


def top(**keys):
    """Return good settings with ``keys`` at the top level."""
    return {
        "AUDIENCE": "https://api.test",
        "ISSUERS": {"default": {"ISSUER": ISSUER}},
        **keys,
    }


def issuer(**keys):
    """Return good settings with ``keys`` in the issuer's dict."""
    return top(ISSUERS={"default": {"ISSUER": ISSUER, **keys}})


def http(**keys):
    """Return good settings with ``keys`` in ``HTTP``."""
    return top(HTTP=keys)


def keys(**values):
    """Return good settings with ``values`` in ``KEYS``."""
    return issuer(KEYS=values)


def introspection(VALIDATION="auto", **values):
    """Return good settings with ``values`` in ``INTROSPECTION``."""
    asked = {"CLIENT_ID": "api", "CLIENT_SECRET": "s3cret", **values}
    asked = {name: value for name, value in asked.items() if value is not ABSENT}
    return issuer(VALIDATION=VALIDATION, INTROSPECTION=asked)


def users(**keys):
    """Return good settings with ``keys`` in ``USERS``."""
    return top(USERS=keys)


def groups(value):
    """Return good settings with ``value`` as ``GROUPS``."""
    return users(GROUPS=value)


def without(raw, key):
    """Return ``raw`` without ``key``."""
    return {name: value for name, value in raw.items() if name != key}


def _two(first, second):
    return top(ISSUERS={"one": first, "two": second})


_RSA = SigningKey("RS256").public_jwk()
_EC = SigningKey("ES256").public_jwk()
JWKS = {"keys": [_RSA]}
SECRET = "0123456789abcdef0123456789abcdef"

AT = "OIDC_RS"
AT_ISSUER = "OIDC_RS['ISSUERS']['default']"
AT_INTROSPECTION = f"{AT_ISSUER}['INTROSPECTION']"
AT_HTTP = "OIDC_RS['HTTP']"
AT_USERS = "OIDC_RS['USERS']"
MODULE = __name__

# name -> (settings, id of the one problem, how its message begins)
FAULTS = {
    "missing": (None, "E001", "The setting OIDC_RS is missing"),
    # A key nobody knows, at every level.
    "a number as key": ({10**5000: 1, **top()}, "E002", f"{AT} has an unknown key"),
    "unknown key": (top(AUDIENCES="x"), "E002", f"{AT} has an unknown key 'AUDIENCES'"),
    "lower-case key": (top(realm="x"), "E002", f"{AT} has an unknown key 'realm'"),
    "number as key": (top() | {7: "x"}, "E002", f"{AT} has an unknown key 7"),
    "unknown key of issuer": (issuer(ALGORITHM=["RS256"]), "E002", AT_ISSUER),
    "unknown key of KEYS": (keys(COOL_DOWN=30), "E002", f"{AT_ISSUER}['KEYS']"),
    "unknown key of HTTP": (http(VERIFY=False), "E002", AT_HTTP),
    "unknown key of USERS": (users(RESOLVE="x"), "E002", AT_USERS),
    "unknown key of issuer's USERS": (
        issuer(USERS={"create": False}),
        "E002",
        f"{AT_ISSUER}['USERS']",
    ),
    "unknown key of GROUPS": (
        groups({"CLAIM": "roles", "MAP": {"a": "b"}, "CREATE": True}),
        "E002",
        f"{AT_USERS}['GROUPS']",
    ),
    "unknown key of TOKEN_CACHE": (
        top(TOKEN_CACHE={"TTL": 5}),
        "E002",
        f"{AT}['TOKEN_CACHE']",
    ),
    # A dict that is none.
    "list": ([], "E003", "OIDC_RS must be a dict"),
    "string": ("https://issuer.test", "E003", "OIDC_RS must be a dict"),
    "ISSUERS a list": (top(ISSUERS=[{}]), "E003", f"{AT}['ISSUERS'] must be a dict"),
    "ISSUERS None": (top(ISSUERS=None), "E003", f"{AT}['ISSUERS'] is None"),
    "ISSUERS with numbers": (top(ISSUERS={1: {}}), "E003", f"{AT}['ISSUERS']"),
    "issuer a string": (top(ISSUERS={"default": ISSUER}), "E003", AT_ISSUER),
    "issuer None": (top(ISSUERS={"default": None}), "E003", AT_ISSUER),
    "alias blank": (top(ISSUERS={" ": {"ISSUER": ISSUER}}), "E003", f"{AT}['ISSUERS']"),
    "HTTP a list": (top(HTTP=[]), "E003", AT_HTTP),
    "HTTP None": (top(HTTP=None), "E003", AT_HTTP),
    "USERS a string": (top(USERS="local_user"), "E003", AT_USERS),
    "issuer's USERS None": (issuer(USERS=None), "E003", f"{AT_ISSUER}['USERS']"),
    "KEYS a number": (issuer(KEYS=600), "E003", f"{AT_ISSUER}['KEYS']"),
    "TOKEN_CACHE True": (top(TOKEN_CACHE=True), "E003", f"{AT}['TOKEN_CACHE']"),
    "MACHINE a list": (issuer(MACHINE=["gty"]), "E003", f"{AT_ISSUER}['MACHINE']"),
    "MACHINE a list of values": (
        issuer(MACHINE={"gty": ["a", "b"]}),
        "E003",
        f"{AT_ISSUER}['MACHINE']",
    ),
    "MACHINE None below": (
        issuer(MACHINE={"gty": None}),
        "E003",
        f"{AT_ISSUER}['MACHINE']",
    ),
    "MACHINE blank claim": (
        issuer(MACHINE={"": "x"}),
        "E003",
        f"{AT_ISSUER}['MACHINE']",
    ),
    "JWKS as JSON": (issuer(JWKS='{"keys": []}'), "E003", f"{AT_ISSUER}['JWKS']"),
    "JWKS None": (issuer(JWKS=None), "E003", f"{AT_ISSUER}['JWKS']"),
    "PROXIES a string": (http(PROXIES="http://p:1"), "E003", f"{AT_HTTP}['PROXIES']"),
    "FIELDS a list": (users(FIELDS=["email"]), "E003", f"{AT_USERS}['FIELDS']"),
    "FIELDS None": (users(FIELDS=None), "E003", f"{AT_USERS}['FIELDS']"),
    "GROUPS a list": (groups(["a"]), "E003", f"{AT_USERS}['GROUPS']"),
    "GROUPS an empty list": (groups([]), "E003", f"{AT_USERS}['GROUPS']"),
    "GROUPS None": (groups(None), "E003", f"{AT_USERS}['GROUPS']"),
    # A text that is none.
    "AUDIENCE blank": (top(AUDIENCE=""), "E003", f"{AT}['AUDIENCE']"),
    "AUDIENCE None": (top(AUDIENCE=None), "E003", f"{AT}['AUDIENCE'] is None"),
    "AUDIENCE a number": (top(AUDIENCE=7), "E003", f"{AT}['AUDIENCE']"),
    "AUDIENCE a dict": (top(AUDIENCE={"a": "b"}), "E003", f"{AT}['AUDIENCE']"),
    "AUDIENCE with a blank": (top(AUDIENCE=["a", ""]), "E003", f"{AT}['AUDIENCE']"),
    "AUDIENCE with None": (top(AUDIENCE=["a", None]), "E003", f"{AT}['AUDIENCE']"),
    "AUDIENCE with a line end": (top(AUDIENCE="a\n"), "E003", f"{AT}['AUDIENCE']"),
    "issuer's AUDIENCE None": (
        issuer(AUDIENCE=None),
        "E003",
        f"{AT_ISSUER}['AUDIENCE'] is None",
    ),
    "ISSUER None": (issuer(ISSUER=None), "E003", f"{AT_ISSUER}['ISSUER'] is None"),
    "ISSUER blank": (issuer(ISSUER=" "), "E003", f"{AT_ISSUER}['ISSUER']"),
    "ISSUER bytes": (issuer(ISSUER=b"x"), "E003", f"{AT_ISSUER}['ISSUER']"),
    "ISSUER a list": (issuer(ISSUER=[ISSUER]), "E003", f"{AT_ISSUER}['ISSUER']"),
    "ISSUER with a blank": (issuer(ISSUER=ISSUER + " "), "E003", AT_ISSUER),
    "ISSUER with an invisible space": (
        issuer(ISSUER=ISSUER + "\u200b"),
        "E003",
        f"{AT_ISSUER}['ISSUER'] has blanks around it, or invisible",
    ),
    "SUBJECT_CLAIM a list": (issuer(SUBJECT_CLAIM=["sub"]), "E003", AT_ISSUER),
    "SUBJECT_CLAIM None": (issuer(SUBJECT_CLAIM=None), "E003", AT_ISSUER),
    "JWKS_URI None": (issuer(JWKS_URI=None), "E003", f"{AT_ISSUER}['JWKS_URI']"),
    "METADATA_URL blank": (issuer(METADATA_URL=""), "E003", AT_ISSUER),
    "CA_BUNDLE False": (http(CA_BUNDLE=False), "E003", f"{AT_HTTP}['CA_BUNDLE']"),
    "CA_BUNDLE None": (http(CA_BUNDLE=None), "E003", f"{AT_HTTP}['CA_BUNDLE']"),
    "REALM None": (top(REALM=None), "E003", f"{AT}['REALM']"),
    "REALM with a quote": (top(REALM='a"b'), "E003", f"{AT}['REALM']"),
    "REALM with a backslash": (top(REALM="a\\b"), "E003", f"{AT}['REALM']"),
    "REALM with a line": (top(REALM="a\r\nb"), "E003", f"{AT}['REALM']"),
    "REALM not ASCII": (top(REALM="é"), "E003", f"{AT}['REALM']"),
    "SHARED_SECRET None": (
        issuer(SHARED_SECRET=None),
        "E003",
        f"{AT_ISSUER}['SHARED_SECRET'] is None",
    ),
    "SHARED_SECRET a number": (issuer(SHARED_SECRET=1), "E003", AT_ISSUER),
    "VALIDATION None": (issuer(VALIDATION=None), "E003", AT_ISSUER),
    "VALIDATION unknown": (issuer(VALIDATION="remote"), "E003", AT_ISSUER),
    "STORE None": (keys(STORE=None), "E003", f"{AT_ISSUER}['KEYS']"),
    "STORE a number": (keys(STORE=1), "E003", f"{AT_ISSUER}['KEYS']"),
    "REFRESH unknown": (keys(REFRESH="daily"), "E003", f"{AT_ISSUER}['KEYS']"),
    "RESOLVER None": (users(RESOLVER=None), "E003", f"{AT_USERS}['RESOLVER']"),
    "RESOLVER a function": (users(RESOLVER=validator), "E003", AT_USERS),
    # A list that is none.
    "ALGORITHMS a string": (issuer(ALGORITHMS="RS256"), "E003", AT_ISSUER),
    "ALGORITHMS None": (issuer(ALGORITHMS=None), "E003", AT_ISSUER),
    "ALGORITHMS a dict": (issuer(ALGORITHMS={"RS256": 1}), "E003", AT_ISSUER),
    "SCOPES a string": (issuer(SCOPES="read write"), "E003", AT_ISSUER),
    "SCOPES None": (issuer(SCOPES=None), "E003", f"{AT_ISSUER}['SCOPES'] is None"),
    "SCOPE_CLAIMS a string": (issuer(SCOPE_CLAIMS="scope"), "E003", AT_ISSUER),
    "SCOPE_CLAIMS empty": (issuer(SCOPE_CLAIMS=[]), "E003", AT_ISSUER),
    "SCOPE_CLAIMS without order": (issuer(SCOPE_CLAIMS={"a", "b"}), "E003", AT_ISSUER),
    "CLIENT_ID_CLAIMS empty": (issuer(CLIENT_ID_CLAIMS=()), "E003", AT_ISSUER),
    "AUDIENCE_CLAIMS empty": (issuer(AUDIENCE_CLAIMS=[]), "E003", AT_ISSUER),
    "AUDIENCE_CLAIMS a string": (issuer(AUDIENCE_CLAIMS="aud"), "E003", AT_ISSUER),
    "REQUIRED_CLAIMS None": (issuer(REQUIRED_CLAIMS=None), "E003", AT_ISSUER),
    "REQUIRED_CLAIMS a string": (issuer(REQUIRED_CLAIMS="sub"), "E003", AT_ISSUER),
    "TOKEN_TYPES a string": (issuer(TOKEN_TYPES="JWT"), "E003", AT_ISSUER),
    "TOKEN_TYPES None": (issuer(TOKEN_TYPES=None), "E003", AT_ISSUER),
    "TOKEN_TYPES empty": (issuer(TOKEN_TYPES=[]), "E003", AT_ISSUER),
    "TOKEN_TYPES with a blank": (issuer(TOKEN_TYPES=[""]), "E003", AT_ISSUER),
    "TOKEN_TYPES with a number": (issuer(TOKEN_TYPES=[1]), "E003", AT_ISSUER),
    "VALIDATORS a string": (issuer(VALIDATORS=f"{MODULE}.x"), "E003", AT_ISSUER),
    "VALIDATORS functions": (issuer(VALIDATORS=[validator]), "E003", AT_ISSUER),
    "VALIDATORS a set": (issuer(VALIDATORS={f"{MODULE}.x"}), "E003", AT_ISSUER),
    "ALLOW_INSECURE True": (http(ALLOW_INSECURE=True), "E003", AT_HTTP),
    "ALLOW_INSECURE a string": (http(ALLOW_INSECURE="idp"), "E003", AT_HTTP),
    "ALLOW_PRIVATE_ADDRESSES True": (
        http(ALLOW_PRIVATE_ADDRESSES=True),
        "E003",
        AT_HTTP,
    ),
    "REQUIRED_PATHS a string": (top(REQUIRED_PATHS="/api/"), "E003", AT),
    "REQUIRED_PATHS None": (top(REQUIRED_PATHS=None), "E003", AT),
    "REQUIRED_PATHS empty": (top(REQUIRED_PATHS=[]), "E003", AT),
    "REQUIRED_PATHS without slash": (top(REQUIRED_PATHS=["api/"]), "E003", AT),
    "REQUIRED_PATHS a URL": (top(REQUIRED_PATHS=["https://a/api/"]), "E003", AT),
    "REQUIRED_PATHS a pattern": (top(REQUIRED_PATHS=["/api/*"]), "E003", AT),
    "REQUIRED_PATHS a regex": (top(REQUIRED_PATHS=["^/api/"]), "E003", AT),
    "REQUIRED_PATHS a route": (top(REQUIRED_PATHS=["/api/<int:pk>/"]), "E003", AT),
    "REQUIRED_PATHS escaped": (top(REQUIRED_PATHS=["/caf%C3%A9/"]), "E003", AT),
    "REQUIRED_PATHS with dots": (top(REQUIRED_PATHS=["/api/../x"]), "E003", AT),
    "REQUIRED_PATHS two slashes": (top(REQUIRED_PATHS=["//api/"]), "E003", AT),
    # A flag or number that is none.
    "ALLOW_NONCE a string": (issuer(ALLOW_NONCE="False"), "E003", AT_ISSUER),
    "ALLOW_NONCE 1": (issuer(ALLOW_NONCE=1), "E003", AT_ISSUER),
    "ALLOW_NONCE None": (issuer(ALLOW_NONCE=None), "E003", AT_ISSUER),
    "CREATE a string": (users(CREATE="no"), "E003", f"{AT_USERS}['CREATE']"),
    "LEEWAY True": (issuer(LEEWAY=True), "E003", f"{AT_ISSUER}['LEEWAY']"),
    "LEEWAY a string": (issuer(LEEWAY="30"), "E003", f"{AT_ISSUER}['LEEWAY']"),
    "LEEWAY None": (issuer(LEEWAY=None), "E003", f"{AT_ISSUER}['LEEWAY'] is None"),
    "MAX_TOKEN_AGE a string": (issuer(MAX_TOKEN_AGE="1h"), "E003", AT_ISSUER),
    "MAX_TOKEN_LENGTH a string": (top(MAX_TOKEN_LENGTH="16384"), "E003", AT),
    "CONNECT_TIMEOUT True": (http(CONNECT_TIMEOUT=True), "E003", AT_HTTP),
    "MAX_BYTES None": (http(MAX_BYTES=None), "E003", AT_HTTP),
    "DEFAULT_AGE a string": (keys(DEFAULT_AGE="600"), "E003", AT_ISSUER),
    "COOLDOWN True": (keys(COOLDOWN=True), "E003", AT_ISSUER),
    "STALE_IF_ERROR None": (keys(STALE_IF_ERROR=None), "E003", AT_ISSUER),
    "SIZE a string": (top(TOKEN_CACHE={"SIZE": "0"}), "E003", AT),
    "MAX_AGE a string": (top(TOKEN_CACHE={"MAX_AGE": "60"}), "E003", AT),
    # Which issuers.
    "ISSUERS left out": (without(top(), "ISSUERS"), "E004", f"{AT}['ISSUERS']"),
    "ISSUERS empty": (top(ISSUERS={}), "E004", f"{AT}['ISSUERS']"),
    "one ISSUER twice": (
        _two({"ISSUER": ISSUER}, {"ISSUER": ISSUER, "SCOPES": []}),
        "E005",
        "OIDC_RS['ISSUERS']['two']['ISSUER'] is that of 'one' too",
    ),
    "ISSUER is another's alias": (
        _two({"ISSUER": "two", "JWKS": JWKS}, {"ISSUER": ISSUER, "SCOPES": []}),
        "E005",
        "OIDC_RS['ISSUERS']['one']['ISSUER'] is the alias of another",
    ),
    "ISSUER left out": (
        top(ISSUERS={"default": {}}),
        "E006",
        f"{AT_ISSUER} names no ISSUER",
    ),
    "ISSUER a bare word": (issuer(ISSUER="atm"), "E006", f"{AT_ISSUER}['ISSUER']"),
    "ISSUER without scheme": (issuer(ISSUER="idp.test/x"), "E006", AT_ISSUER),
    "ISSUER with one slash": (issuer(ISSUER="https:/idp.test"), "E006", AT_ISSUER),
    "ISSUER with port alone": (issuer(ISSUER="localhost:8080/x"), "E006", AT_ISSUER),
    "ISSUER a wildcard": (issuer(ISSUER="*"), "E006", AT_ISSUER),
    "ISSUER a wildcard with keys": (
        issuer(ISSUER="*", JWKS_URI=f"{ISSUER}/jwks"),
        "E006",
        AT_ISSUER,
    ),
    "ISSUER a template": (issuer(ISSUER=f"{ISSUER}/{{tenantid}}"), "E006", AT_ISSUER),
    "ISSUER with query": (issuer(ISSUER=f"{ISSUER}/?a=b"), "E006", AT_ISSUER),
    "ISSUER with empty query": (issuer(ISSUER=f"{ISSUER}?"), "E006", AT_ISSUER),
    "ISSUER with fragment": (issuer(ISSUER=f"{ISSUER}/#a"), "E006", AT_ISSUER),
    "ISSUER with user": (issuer(ISSUER="https://u:p@idp.test"), "E006", AT_ISSUER),
    "ISSUER the metadata": (
        issuer(ISSUER=f"{ISSUER}/.well-known/openid-configuration"),
        "E006",
        AT_ISSUER,
    ),
    # Which audience, profile, algorithms and keys.
    "AUDIENCE left out": (
        without(top(), "AUDIENCE"),
        "E007",
        f"{AT_ISSUER} names no audience",
    ),
    "AUDIENCE empty": (top(AUDIENCE=[]), "E007", f"{AT}['AUDIENCE'] is empty"),
    "issuer's AUDIENCE empty": (
        issuer(AUDIENCE=[]),
        "E007",
        f"{AT_ISSUER}['AUDIENCE'] is empty",
    ),
    "AUDIENCE a wildcard": (top(AUDIENCE="*"), "E007", f"{AT}['AUDIENCE']"),
    "PROFILE a huge number": (
        issuer(PROFILE=10**5000),
        "E008",
        f"{AT_ISSUER}['PROFILE']",
    ),
    "PROFILE unknown": (issuer(PROFILE="Auth0"), "E008", f"{AT_ISSUER}['PROFILE']"),
    "PROFILE None": (issuer(PROFILE=None), "E008", f"{AT_ISSUER}['PROFILE']"),
    "PROFILE a list": (issuer(PROFILE=["auth0"]), "E008", f"{AT_ISSUER}['PROFILE']"),
    "ALGORITHMS empty": (issuer(ALGORITHMS=[]), "E009", f"{AT_ISSUER}['ALGORITHMS']"),
    "ALGORITHMS none": (issuer(ALGORITHMS=["none"]), "E009", AT_ISSUER),
    "ALGORITHMS lower-case": (issuer(ALGORITHMS=["rs256"]), "E009", AT_ISSUER),
    "ALGORITHMS HS256 without secret": (
        issuer(ALGORITHMS=["HS256"]),
        "E009",
        AT_ISSUER,
    ),
    "ALGORITHMS mixed": (
        issuer(ALGORITHMS=["HS256", "RS256"], SHARED_SECRET=SECRET),
        "E009",
        f"{AT_ISSUER}['ALGORITHMS'] holds 'RS256'",
    ),
    "ALGORITHMS mixed without secret": (
        issuer(ALGORITHMS=["HS256", "RS256"]),
        "E009",
        f"{AT_ISSUER}['ALGORITHMS'] holds 'HS256'",
    ),
    "ALGORITHMS RS256 with secret": (
        issuer(ALGORITHMS=["RS256"], SHARED_SECRET=SECRET),
        "E009",
        AT_ISSUER,
    ),
    "SHARED_SECRET empty": (issuer(SHARED_SECRET=""), "E010", AT_ISSUER),
    "SHARED_SECRET too short": (issuer(SHARED_SECRET=SECRET[:-1]), "E010", AT_ISSUER),
    "SHARED_SECRET too short in bytes": (
        issuer(SHARED_SECRET=SECRET[:-1].encode()),
        "E010",
        AT_ISSUER,
    ),
    "SHARED_SECRET too short for HS384": (
        issuer(SHARED_SECRET="x" * 47, ALGORITHMS=["HS384"]),
        "E010",
        AT_ISSUER,
    ),
    "SHARED_SECRET too short for HS512": (
        issuer(SHARED_SECRET="x" * 63, ALGORITHMS=("HS256", "HS512")),
        "E010",
        AT_ISSUER,
    ),
    "SHARED_SECRET too short for HS512 in a set": (
        issuer(SHARED_SECRET=SECRET, ALGORITHMS={"HS512"}),
        "E010",
        AT_ISSUER,
    ),
    "SHARED_SECRET with a line end": (issuer(SHARED_SECRET=SECRET + "\n"), "E010", AT),
    "SHARED_SECRET no text": (issuer(SHARED_SECRET="\ud800" * 40), "E010", AT_ISSUER),
    "JWKS and JWKS_URI": (
        issuer(JWKS=JWKS, JWKS_URI=f"{ISSUER}/jwks"),
        "E010",
        f"{AT_ISSUER} gives JWKS and JWKS_URI",
    ),
    "JWKS_URI and METADATA_URL": (
        issuer(JWKS_URI=f"{ISSUER}/jwks", METADATA_URL=f"{ISSUER}/metadata"),
        "E010",
        AT_ISSUER,
    ),
    "JWKS_URI and SHARED_SECRET": (
        issuer(JWKS_URI=f"{ISSUER}/jwks", SHARED_SECRET=SECRET),
        "E010",
        AT_ISSUER,
    ),
    # Numbers out of bounds.
    **{
        f"LEEWAY {value}": (issuer(LEEWAY=value), "E011", f"{AT_ISSUER}['LEEWAY']")
        for value in (-1, 3601, 10**9, 10**400, float("nan"), float("inf"))
    },
    "LEEWAY -inf": (issuer(LEEWAY=float("-inf")), "E011", AT_ISSUER),
    "MAX_TOKEN_AGE 0": (issuer(MAX_TOKEN_AGE=0), "E011", AT_ISSUER),
    "MAX_TOKEN_AGE NaN": (issuer(MAX_TOKEN_AGE=float("nan")), "E011", AT_ISSUER),
    "MAX_TOKEN_LENGTH 0": (top(MAX_TOKEN_LENGTH=0), "E011", AT),
    "MAX_TOKEN_LENGTH inf": (top(MAX_TOKEN_LENGTH=float("inf")), "E011", AT),
    "SIZE negative": (top(TOKEN_CACHE={"SIZE": -1}), "E011", AT),
    "MAX_AGE NaN": (top(TOKEN_CACHE={"MAX_AGE": float("nan")}), "E011", AT),
    # Features of later versions.
    "SIZE too large": (top(TOKEN_CACHE={"SIZE": 1_000_001}), "E011", AT),
    "MAX_AGE too long": (top(TOKEN_CACHE={"MAX_AGE": 3601}), "E011", AT),
    "MAX_AGE 0": (top(TOKEN_CACHE={"SIZE": 1, "MAX_AGE": 0}), "E011", AT),
    # Asking the issuer.
    "VALIDATION introspection alone": (
        issuer(VALIDATION="introspection"),
        "E027",
        f"{AT_ISSUER}['VALIDATION'] is 'introspection', but INTROSPECTION is missing",
    ),
    "VALIDATION auto alone": (issuer(VALIDATION="auto"), "E027", AT_ISSUER),
    "VALIDATION a list": (issuer(VALIDATION=["auto"]), "E003", AT_ISSUER),
    "CACHE None": (top(CACHE=None), "E003", f"{AT}['CACHE'] is None"),
    "CACHE not in CACHES": (top(CACHE="no_such"), "E026", f"{AT}['CACHE']"),
    "unknown key of INTROSPECTION": (
        introspection(TIMEOUT=5),
        "E002",
        f"{AT_INTROSPECTION} has an unknown key 'TIMEOUT'",
    ),
    "ENDPOINT by plain http": (
        introspection(ENDPOINT="http://idp.test/introspect"),
        "E013",
        f"{AT_INTROSPECTION}['ENDPOINT']",
    ),
    **{
        f"INTROSPECTION {name}": (introspection(**values), problem_id, AT_INTROSPECTION)
        for name, (problem_id, values) in {
            "without client": ("E028", {"CLIENT_ID": ABSENT}),
            "without secret": ("E028", {"CLIENT_SECRET": ABSENT}),
            "with two proofs": ("E028", {"BEARER_TOKEN": "abc"}),
            "client None": ("E003", {"CLIENT_ID": None}),
            "secret None": ("E003", {"CLIENT_SECRET": None}),
            "secret blank": ("E003", {"CLIENT_SECRET": " "}),
            "secret with a line end": ("E028", {"CLIENT_SECRET": "s3cret\n"}),
            "unknown method": ("E028", {"AUTH_METHOD": "basic"}),
            "method None": ("E003", {"AUTH_METHOD": None}),
            "method of another proof": ("E028", {"AUTH_METHOD": "private_key_jwt"}),
            "short secret for a JWT": ("E028", {"AUTH_METHOD": "client_secret_jwt"}),
            "a key ID for a secret": ("E028", {"KEY_ID": "k1"}),
            "no private key": (
                "E028",
                {"CLIENT_SECRET": ABSENT, "PRIVATE_KEY": "-----BEGIN"},
            ),
            "certificate missing": (
                "E028",
                {"CLIENT_SECRET": ABSENT, "CERTIFICATE": "/no/such.pem"},
            ),
            "certificate None": (
                "E003",
                {"CLIENT_SECRET": ABSENT, "CERTIFICATE": None},
            ),
            "three certificates": (
                "E003",
                {"CLIENT_SECRET": ABSENT, "CERTIFICATE": [__file__] * 3},
            ),
            "cache too long": ("E028", {"CACHE_SECONDS": 3601}),
            "cache NaN": ("E028", {"CACHE_SECONDS": float("nan")}),
            "cache a string": ("E003", {"CACHE_SECONDS": "60"}),
            "a flag 1": ("E003", {"SIGNED_RESPONSES": 1}),
            "audience a string": ("E003", {"AUDIENCE_OPTIONAL": "yes"}),
        }.items()
    },
    "INTROSPECTION None": (issuer(INTROSPECTION=None), "E003", AT_INTROSPECTION),
    "OPAQUE_TOKENS with local": (
        introspection(VALIDATION="local", OPAQUE_TOKENS=True),
        "E028",
        f"{AT_INTROSPECTION}['OPAQUE_TOKENS'] has no effect",
    ),
    "SIGNED_RESPONSES with a shared secret": (
        issuer(
            SHARED_SECRET=SECRET,
            INTROSPECTION={
                "CLIENT_ID": "api",
                "CLIENT_SECRET": SECRET,
                "SIGNED_RESPONSES": True,
            },
        ),
        "E028",
        f"{AT_INTROSPECTION}['SIGNED_RESPONSES']",
    ),
    "nowhere to discover the endpoint": (
        issuer(
            ISSUER="atm",
            JWKS=JWKS,
            INTROSPECTION={"CLIENT_ID": "api", "CLIENT_SECRET": SECRET},
        ),
        "E028",
        f"{AT_INTROSPECTION} names no ENDPOINT",
    ),
    "two issuers for opaque tokens": (
        top(
            ISSUERS={
                name: {
                    "ISSUER": f"{ISSUER}/{name}",
                    "SCOPES": [],
                    "VALIDATION": "auto",
                    "INTROSPECTION": {"CLIENT_ID": "api", "CLIENT_SECRET": SECRET},
                }
                for name in ("one", "two")
            }
        ),
        "E029",
        f"{AT}['ISSUERS'] has several issuers for opaque tokens: one, two",
    ),
    "long CACHE_SECONDS": (
        introspection(CACHE_SECONDS=301),
        "W007",
        f"{AT_INTROSPECTION}['CACHE_SECONDS']",
    ),
    # Addresses that must not be asked.
    "ISSUER by plain http": (issuer(ISSUER="http://idp.test"), "E013", AT_ISSUER),
    "ISSUER by ftp": (issuer(ISSUER="ftp://idp.test"), "E013", AT_ISSUER),
    "ISSUER no IPv6 address": (issuer(ISSUER="https://[::1"), "E013", AT_ISSUER),
    "ISSUER with a blank inside": (issuer(ISSUER="https://a b"), "E013", AT_ISSUER),
    "JWKS_URI by plain http": (issuer(JWKS_URI="http://idp.test/x"), "E013", AT_ISSUER),
    "JWKS_URI a path": (issuer(JWKS_URI="/jwks.json"), "E013", AT_ISSUER),
    "JWKS_URI a file": (issuer(JWKS_URI="file:///etc/jwks"), "E013", AT_ISSUER),
    "METADATA_URL by plain http": (
        issuer(METADATA_URL="http://idp.test/x"),
        "E013",
        AT_ISSUER,
    ),
    "SCOPES with a blank inside": (issuer(SCOPES=["a b"]), "E014", AT_ISSUER),
    "SCOPES with a quote": (issuer(SCOPES=['a"b']), "E014", AT_ISSUER),
    # Functions that cannot be had.
    **{
        f"VALIDATORS {name}": (
            issuer(VALIDATORS=[name]),
            "E015",
            f"{AT_ISSUER}['VALIDATORS'] names {name}, which",
        )
        for name in (
            *("nowhere", ".x", "..x", "no_such_module.x", f"{MODULE}.no_such_name"),
            *(f"{MODULE}.no_function", f"{MODULE}.Callable"),
            *(f"{MODULE}.async_function", f"{MODULE}.async_callable"),
            *(f"{MODULE}.generator_function", f"{MODULE}.async_generator_function"),
        )
    },
    **{
        f"RESOLVER {name}": (
            users(RESOLVER=name),
            "E015",
            f"{AT_USERS}['RESOLVER'] names {name}, which",
        )
        for name in (
            *("localuser", "no_such_module.x", f"{MODULE}.no_function"),
            *(f"{MODULE}.async_function", f"{MODULE}.AsyncCallable"),
        )
    },
    # Keys in settings.
    "JWKS empty": (issuer(JWKS={}), "E016", f"{AT_ISSUER}['JWKS']"),
    "JWKS without keys": (issuer(JWKS={"keys": []}), "E016", f"{AT_ISSUER}['JWKS']"),
    "JWKS for other algorithms": (
        issuer(JWKS=JWKS, ALGORITHMS=["ES256"]),
        "E016",
        f"{AT_ISSUER}['JWKS']",
    ),
    "JWKS private": (
        issuer(JWKS={"keys": [{**_EC, "d": "AAAA"}]}),
        "E016",
        f"{AT_ISSUER}['JWKS']",
    ),
    "JWKS private beside a good one": (
        issuer(JWKS={"keys": [_RSA, {**_EC, "d": "AAAA"}]}),
        "E016",
        f"{AT_ISSUER}['JWKS'] holds a key that is refused: private_key",
    ),
    "JWKS symmetric": (
        issuer(JWKS={"keys": [_RSA, {"kty": "oct", "k": "AAAA"}]}),
        "E016",
        AT_ISSUER,
    ),
    # How long keys live.
    "DEFAULT_AGE too short": (keys(DEFAULT_AGE=299), "E017", AT_ISSUER),
    "DEFAULT_AGE NaN": (keys(DEFAULT_AGE=float("nan")), "E017", AT_ISSUER),
    "COOLDOWN 0": (keys(COOLDOWN=0), "E017", AT_ISSUER),
    "COOLDOWN not below DEFAULT_AGE": (
        keys(COOLDOWN=300, DEFAULT_AGE=300),
        "E017",
        f"{AT_ISSUER}['KEYS']['COOLDOWN'] must be shorter",
    ),
    "MAX_STALE without command": (keys(MAX_STALE=86400), "E017", AT_ISSUER),
    "STALE_IF_ERROR with command": (
        keys(REFRESH="command", STALE_IF_ERROR=60),
        "E017",
        AT_ISSUER,
    ),
    "MAX_STALE too short": (
        keys(REFRESH="command", MAX_STALE=3599),
        "E017",
        AT_ISSUER,
    ),
    "STORE not in CACHES": (keys(STORE="no_such"), "E026", f"{AT_ISSUER}['KEYS']"),
    "STALE_IF_ERROR negative": (keys(STALE_IF_ERROR=-1), "E017", AT_ISSUER),
    "STALE_IF_ERROR inf": (keys(STALE_IF_ERROR=float("inf")), "E017", AT_ISSUER),
    # Fields and groups of users.
    **{
        f"FIELDS {name}": (users(FIELDS={name: "x"}), "E018", f"{AT_USERS}['FIELDS']")
        for name in (
            *("is_superuser", "is_staff", "is_active", "password", "id", "pk"),
            *("groups", "user_permissions", "federated_identities", "logentry"),
            *("e-mail", "Email", ""),
        )
    },
    "FIELDS without path": (users(FIELDS={"email": ""}), "E018", AT_USERS),
    "FIELDS path None": (users(FIELDS={"email": None}), "E018", AT_USERS),
    "FIELDS path a list": (users(FIELDS={"email": ["email"]}), "E018", AT_USERS),
    **{
        f"GROUPS {name}": (groups(value), "E019", f"{AT_USERS}['GROUPS']")
        for name, value in {
            "without CLAIM": {"MAP": {"a": "b"}},
            "without MAP": {"CLAIM": "roles"},
            "CLAIM blank": {"CLAIM": "", "MAP": {"a": "b"}},
            "CLAIM a list": {"CLAIM": ["roles"], "MAP": {"a": "b"}},
            "MAP empty": {"CLAIM": "roles", "MAP": {}},
            "MAP a list": {"CLAIM": "roles", "MAP": ["a"]},
            "MAP None": {"CLAIM": "roles", "MAP": None},
            "name empty": {"CLAIM": "roles", "MAP": {"a": ""}},
            "name a list": {"CLAIM": "roles", "MAP": {"a": ["b"]}},
            "name too long": {"CLAIM": "roles", "MAP": {"a": "b" * 151}},
            "value a number": {"CLAIM": "roles", "MAP": {1: "b"}},
            "value a number among others": {
                "CLAIM": "roles",
                "MAP": {1: "b", "a": "b"},
            },
        }.items()
    },
    "FIELDS with token_user": (
        users(RESOLVER="token_user", FIELDS={"email": "email"}),
        "E018",
        f"{AT_USERS}['FIELDS'] has no effect",
    ),
    "GROUPS with an own resolver": (
        users(RESOLVER=f"{MODULE}.validator", GROUPS={"CLAIM": "a", "MAP": {"b": "c"}}),
        "E019",
        f"{AT_USERS}['GROUPS'] has no effect",
    ),
    # The way to the issuer.
    "CONNECT_TIMEOUT 0": (http(CONNECT_TIMEOUT=0), "E020", AT_HTTP),
    "READ_TIMEOUT negative": (http(READ_TIMEOUT=-1), "E020", AT_HTTP),
    "TOTAL_TIMEOUT NaN": (http(TOTAL_TIMEOUT=float("nan")), "E020", AT_HTTP),
    "TOTAL_TIMEOUT longer than refreshing may take": (
        http(TOTAL_TIMEOUT=31),
        "E020",
        AT_HTTP,
    ),
    "MAX_BYTES too few": (http(MAX_BYTES=1), "E020", AT_HTTP),
    "MAX_BYTES too many": (http(MAX_BYTES=10**9), "E020", AT_HTTP),
    "PROXIES with None": (http(PROXIES={"https": None}), "E020", AT_HTTP),
    "PROXIES blank": (http(PROXIES={"https": ""}), "E020", AT_HTTP),
    "PROXIES of no scheme": (http(PROXIES={"https:": "http://p:1"}), "E020", AT_HTTP),
    "ALLOW_PRIVATE_ADDRESSES a wildcard": (
        http(ALLOW_PRIVATE_ADDRESSES=["*"]),
        "E020",
        AT_HTTP,
    ),
    "ALLOW_PRIVATE_ADDRESSES a URL": (
        http(ALLOW_PRIVATE_ADDRESSES=["https://idp.test"]),
        "E020",
        AT_HTTP,
    ),
    "ALLOW_PRIVATE_ADDRESSES with port": (
        http(ALLOW_PRIVATE_ADDRESSES=["idp.test:8443"]),
        "E020",
        AT_HTTP,
    ),
    # Advice.
    "much LEEWAY": (issuer(LEEWAY=301), "W001", f"{AT_ISSUER}['LEEWAY']"),
    "ALLOW_INSECURE": (http(ALLOW_INSECURE=["idp.test"]), "W002", AT_HTTP),
    "STORE is LocMemCache": (keys(STORE="default"), "W006", f"{AT_ISSUER}['KEYS']"),
    "two issuers without SCOPES": (
        top(
            ISSUERS={
                "one": {"ISSUER": f"{ISSUER}/1"},
                "two": {"ISSUER": f"{ISSUER}/2"},
                "three": {"ISSUER": f"{ISSUER}/3", "SCOPES": ["a"]},
            }
        ),
        "W003",
        f"{AT}['ISSUERS']",
    ),
    "two issuers share GROUPS": (
        top(
            USERS={"GROUPS": {"CLAIM": "roles", "MAP": {"boss": "Bosses"}}},
            ISSUERS={
                "one": {"ISSUER": f"{ISSUER}/1", "SCOPES": []},
                "two": {"ISSUER": f"{ISSUER}/2", "SCOPES": []},
            },
        ),
        "W005",
        f"{AT_USERS}['GROUPS']",
    ),
}
