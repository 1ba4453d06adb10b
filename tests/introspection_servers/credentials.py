"""Who is registered at every one of the servers."""

# The one that has tokens, the one with tokens of its own, the one that asks about them.
WEB = "web"
MACHINE = "machine"
API = "api"
USER = "alice"
# A part of Basic credentials is form-encoded first; this one shows who does not.
SECRET = "p:lus+ per%cent/&=~ and thirty-two bytes"
CALLBACK = "https://client.test/callback"
AUDIENCE = "https://api.test"
OTHER_AUDIENCE = "https://other.test"
SCOPE = "orders:read"
