"""What a fleet shares: a database, or a Redis with a database behind it."""

from __future__ import annotations

import json
from contextlib import contextmanager
from urllib.parse import urlsplit

from django.core import signing
from django.core.cache.backends.redis import RedisCache

from django_oidc_rs.core.keys.fleet import LEASE
from django_oidc_rs.models import issuer_key

from .counterparts import RECORDS, STATES, url_of

__all__ = ["SharedCache", "SharedDatabase"]

_PAUSE = 2200
_TIMES = ("lease_until", "not_before")


class SharedDatabase:
    """The key store on the tables of a server's database.

    Attributes:
        databases, caches: what the settings of a process say.
        store: what ``KEYS["STORE"]`` says.
    """

    store = "database"
    caches = None

    def __init__(self, server):
        self.server = server
        self.databases = {"default": server.settings}

    def hung(self):
        """Whoever asks waits during the block."""
        return self.server.locked()

    def clear(self):
        for table in (RECORDS, STATES):
            self.server.execute(f"DELETE FROM {table}")

    def age(self, issuer, seconds):
        """Move what is stored into the past, by the server's own clock."""
        self.server.age_records(seconds)
        self._edit_state(
            issuer,
            lambda state: {
                **state,
                **{name: state[name] - seconds for name in _TIMES},
                "spent": [at - seconds for at in state["spent"]],
            },
        )

    def end_lease(self, issuer):
        """Let the lease's time be over."""
        self._edit_state(
            issuer,
            lambda state: {**state, "lease_until": state["lease_until"] - LEASE},
        )

    def holder(self, issuer):
        """Return who holds the lease."""
        return self._state(issuer).get("holder", "")

    def _state(self, issuer):
        rows = self.server.execute(
            f'SELECT state FROM {STATES} WHERE "key" = %s', issuer_key(issuer)
        )
        return json.loads(rows[0][0] or "{}") if rows else {}

    def _edit_state(self, issuer, edit):
        state = self._state(issuer)
        if state:
            self.server.execute(
                f"UPDATE {STATES} SET state = %s, version = version + 1"
                ' WHERE "key" = %s',
                json.dumps(edit(state)),
                issuer_key(issuer),
            )


class SharedCache:
    """The key store on a Redis; ``database`` is what is behind it."""

    store = "keys"

    def __init__(self, database):
        import redis

        url = url_of("DJANGO_OIDC_RS_REDIS")
        # Not the database that others of the suite flush.
        url = urlsplit(url)._replace(path="/7").geturl()
        self.databases = {"default": database}
        self.caches = {
            "default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"},
            "keys": {
                "BACKEND": "django.core.cache.backends.redis.RedisCache",
                "LOCATION": url,
            },
        }
        self.cache = RedisCache(url, {})
        self.client = redis.Redis.from_url(url, socket_timeout=10)

    def close(self):
        """Hang up; the cache framework itself never does."""
        self.client.close()
        for pool in self.cache._cache._pools.values():
            pool.disconnect()

    def name(self, issuer, entry):
        """Return the name of an entry."""
        return f"django_oidc_rs:{issuer_key(issuer)}:{entry}"

    @contextmanager
    def hung(self):
        """Whoever asks waits during the block, and a little longer."""
        self.client.client_pause(_PAUSE, all=True)
        yield
        # It goes on by itself; there is no other way.
        self.client.ping()

    def clear(self):
        self.cache.clear()

    def age(self, issuer, seconds):
        """Move what is stored into the past; what expires does so earlier."""
        for name in self.client.scan_iter(f"*{self.name(issuer, '*')}"):
            left = self.client.pttl(name)
            if left >= 0:
                self._expire(name, left - seconds * 1000)
        self.edit_record(
            issuer, lambda values: values | {"stored_at": values["stored_at"] - seconds}
        )

    def edit_record(self, issuer, edit, **signed):
        """Change the record, signed as the project does unless told otherwise."""
        text = self.cache.get(self.name(issuer, "record"))
        if text is not None:
            salt = f"django_oidc_rs.keys.{issuer}"
            values = edit(signing.loads(text, salt=salt))
            text = signing.dumps(values, **{"salt": salt, **signed})
            self.cache.set(self.name(issuer, "record"), text, None)

    def _expire(self, name, milliseconds):
        if milliseconds > 0:
            self.client.pexpire(name, round(milliseconds))
        else:
            self.client.delete(name)

    def end_lease(self, issuer):
        """Let the lease's time be over."""
        self.cache.delete(self.name(issuer, "lease"))

    def holder(self, issuer):
        """Return who holds the lease."""
        return self.cache.get(self.name(issuer, "lease"), "")
