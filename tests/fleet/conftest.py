"""Real stores, real processes, and an issuer that counts."""

from __future__ import annotations

import pytest
from django.core.management import call_command

from tests.users.databases import replacing_databases, sqlite_settings

from .counterparts import MariaDb, Postgresql
from .issuer import CountingIssuer
from .processes import Fleet, Zygote
from .shared import SharedCache, SharedDatabase
from .worker import refreshers_end


def migrate():
    call_command("migrate", "django_oidc_rs", verbosity=0)


SERVERS = {"postgresql": Postgresql, "mariadb": MariaDb}


@pytest.fixture(scope="session")
def servers(django_db_blocker):
    """Return ``servers(name)``: a migrated database of that server, made once."""
    made = {}

    def server(name):
        if name not in made:
            made[name] = SERVERS[name]()
            databases = {"default": made[name].settings}
            with replacing_databases(django_db_blocker, databases):
                migrate()
        return made[name]

    yield server
    for each in made.values():
        each.drop()


@pytest.fixture(scope="session")
def sqlite(tmp_path_factory, django_db_blocker):
    """Return the settings of a migrated database in a file."""
    settings = sqlite_settings(tmp_path_factory.mktemp("fleet") / "db.sqlite3")
    with replacing_databases(django_db_blocker, {"default": settings}):
        migrate()
    return settings


@pytest.fixture(scope="session")
def redis(sqlite):
    redis = SharedCache(sqlite)
    yield redis
    redis.close()


@pytest.fixture(scope="session")
def zygote(tmp_path_factory):
    zygote = Zygote(tmp_path_factory.mktemp("zygote"))
    yield zygote
    zygote.close()


@pytest.fixture
def issuer():
    issuer = CountingIssuer()
    yield issuer
    issuer.close()


@pytest.fixture(params=SERVERS)
def database(request, servers):
    """An empty key store on a server's tables; nobody is connected yet."""
    shared = SharedDatabase(servers(request.param))
    shared.clear()
    return shared


@pytest.fixture
def configured(database, django_db_blocker):
    """The same, as this process's database."""
    with replacing_databases(django_db_blocker, database.databases):
        yield database
        refreshers_end()


@pytest.fixture(params=[*SERVERS, "redis"])
def shared(request):
    """What a fleet shares, empty: a database or a Redis."""
    if request.param == "redis":
        shared = request.getfixturevalue("redis")
    else:
        shared = SharedDatabase(request.getfixturevalue("servers")(request.param))
    shared.clear()
    return shared


@pytest.fixture
def fleet(zygote, shared, issuer):
    fleet = Fleet(zygote, shared, issuer)
    yield fleet
    fleet.stop()
