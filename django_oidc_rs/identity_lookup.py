"""The query of the hot path: an identity with its user, by key.

Django takes ten times as long to build this query and its objects as a database takes
to answer it. So Django's own compiler builds it once per database alias and user model;
after that the statement is executed as it stands, and its row becomes a user through
the same converters and ``Model.from_db``. Wherever the query is not as plain as that,
the ORM itself is asked, with the same outcome.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple

from django.contrib.auth import get_user_model
from django.core.signals import setting_changed
from django.db import connections

from .models import FederatedIdentity, visible

__all__ = ["FoundIdentity", "find_identity"]

# In the order of the model's fields, in which Django selects them.
_OURS = ("id", "user_id", "applied", "applied_at", "last_used_at")
_END = len(_OURS)
# Others may compile, convert or fetch in ways of their own.
_VENDORS = frozenset(("sqlite", "postgresql", "mysql"))
_KEY = "key of nobody"
_ATTRIBUTE = "_django_oidc_rs_lookup"

_Converters = list[tuple[int, Callable[..., Any], Any]]


class FoundIdentity(NamedTuple):
    """What a request needs of a ``FederatedIdentity``, and the user it is.

    Attributes:
        pk, applied, applied_at, last_used_at: as in the row.
        user: None where the user was deleted.
        using: alias of the database it was read from.
    """

    pk: Any
    applied: str
    applied_at: float | None
    last_used_at: datetime | None
    user: Any
    using: str

    def visible_user(self) -> Any:
        """Return the user, None if hidden; see ``FederatedIdentity.visible_user``."""
        return visible(self.user, self.using)


class _Statement(NamedTuple):
    """A compiled query, good for every connection of one alias.

    Attributes:
        sql: with one parameter, named ``key``. Django looks for unnamed ones by a
            regular expression each time, which takes SQLite longer than the answer.
        columns: the expressions selected: ``_OURS``, then all of the user model.
        user_model, fields: whose, and their names in that order.
        user_pk: the position of the user's primary key in a row.
    """

    sql: str
    columns: tuple[Any, ...]
    user_model: Any
    fields: list[str]
    user_pk: int


# By alias and kind of database; None where the ORM is asked.
_statements: dict[tuple[str, str], _Statement | None] = {}


def find_identity(key: str, *, using: str) -> FoundIdentity | None:
    """Return the identity of ``key`` (see ``identity_key``) and its user: one query.

    ``using`` is the alias of the database that is asked.
    """
    connection = connections[using]
    kind = using, connection.vendor
    try:
        statement = _statements[kind]
    except KeyError:
        statement = _statements[kind] = _compile(using)
    if statement is None:
        return _by_orm(key, using)
    with connection.cursor() as cursor:
        cursor.execute(statement.sql, {"key": key})
        found = cursor.fetchone()
    if found is None:
        return None
    row = list(found)
    for position, convert, column in _converters(statement, connection):
        row[position] = convert(row[position], column, connection)
    user = None
    if row[statement.user_pk] is not None:
        user = statement.user_model.from_db(using, statement.fields, row[_END:])
    return FoundIdentity(row[0], row[2], row[3], row[4], user, using)


def _by_orm(key: str, using: str) -> FoundIdentity | None:
    identities = FederatedIdentity.objects.using(using).select_related("user")
    found = identities.filter(key=key).first()
    if found is None:
        return None
    return FoundIdentity(
        found.pk, found.applied, found.applied_at, found.last_used_at, found.user, using
    )


def _compile(using: str) -> _Statement | None:
    """Return the statement for ``using``, None where the query is not a plain one."""
    user_model = get_user_model()
    meta = user_model._meta
    if connections[using].vendor not in _VENDORS or meta.proxy or meta.parents:
        return None
    fields = [field.attname for field in meta.concrete_fields]
    query = FederatedIdentity.objects.using(using).select_related("user")
    query = query.filter(key=_KEY).only(
        *_OURS, *(f"user__{field.name}" for field in meta.concrete_fields)
    )
    compiler = query.query.get_compiler(using=using)
    sql, parameters = compiler.as_sql()
    columns = tuple(column for column, *_ in compiler.select)
    names = [getattr(column.target, "attname", "") for column in columns]
    is_plain = tuple(parameters) == (_KEY,) and sql.count("%") == 1
    if not is_plain or names != [*_OURS, *fields]:
        return None
    user_pk = _END + fields.index(meta.pk.attname)
    sql = sql.replace("%s", "%(key)s")
    return _Statement(sql, columns, user_model, fields, user_pk)


def _converters(statement: _Statement, connection: Any) -> _Converters:
    """Return what turns a column's value into the field's, where anything does.

    Kept on the connection: some of them hold it, and it must go when its thread does.
    """
    kept: tuple[_Statement, _Converters] | None = vars(connection).get(_ATTRIBUTE)
    if kept is None or kept[0] is not statement:
        made: _Converters = []
        for position, column in enumerate(statement.columns):
            of_backend = connection.ops.get_db_converters(column)
            converters = of_backend + column.get_db_converters(connection)
            made += [(position, convert, column) for convert in converters]
        kept = statement, made
        vars(connection)[_ATTRIBUTE] = kept
    return kept[1]


def _forget(**_kwargs: object) -> None:
    # Time zones, databases and the user model: whatever it was, it is cheap.
    _statements.clear()


setting_changed.connect(_forget, dispatch_uid="django_oidc_rs.identity_lookup")
