"""What people decided, and what was delivered, in a small database. Nothing here is the only copy.

    meta       key, value                     the version of this layout
    orders     id, received_ns, body          one line of JSON per `Order`, as in the recordings
    delivered  target, alert_id, revision     the newest revision of each alert that a target has had

The recordings are the truth: `rebuild` makes the orders anew from them. SQLite by default, in write-ahead mode with
every commit on the disk before it counts; any database of SQLAlchemy can take its place, since only plain SQL is used
(an insert that meets its own key is caught, not avoided by a dialect's own words). Opening one file from several
processes is safe. Left out: migrations; a store of another version is put aside and rebuilt.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Engine,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    create_engine,
    delete,
    event,
    insert,
    select,
    update,
)
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, IntegrityError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.pool import StaticPool

from skysentry.errors import ConfigError, FormatError, StateError
from skysentry.events import Order, decode, encode

VERSION = 1
# Another process writes for milliseconds; one that holds the file for ten seconds hangs.
BUSY_MS = 10_000
RETRY_MS = 50
HINT = "move the file aside and start again: the decisions are rebuilt from the recordings with Store.rebuild"

_metadata = MetaData()
_meta = Table("meta", _metadata, Column("key", String(40), primary_key=True), Column("value", Integer, nullable=False))
_orders = Table(
    "orders",
    _metadata,
    Column("id", String(200), primary_key=True),
    Column("received_ns", BigInteger, nullable=False, index=True),
    Column("body", LargeBinary, nullable=False),
)
_delivered = Table(
    "delivered",
    _metadata,
    Column("target", String(300), primary_key=True),
    Column("alert_id", String(200), primary_key=True),
    Column("revision", Integer, nullable=False),
)


class Store:
    """The decisions and delivery marks behind a database address, e.g. sqlite:///state/people.sqlite3.

    Raises `ConfigError` for an address that is none, `StateError` for a database that cannot be used.
    """

    def __init__(self, url: str) -> None:
        try:
            parsed = make_url(url)
            self._where = parsed.render_as_string(hide_password=True)
            # A database in memory lives in its one connection.
            in_memory = parsed.get_backend_name() == "sqlite" and parsed.database in (None, "", ":memory:")
            self._engine: Engine = create_engine(parsed, poolclass=StaticPool) if in_memory else create_engine(parsed)
        except (ArgumentError, NoSuchModuleError, ModuleNotFoundError):
            hint = "for example sqlite:///people.sqlite3"
            raise ConfigError("not the address of a database", where="store", hint=hint) from None
        if self._engine.dialect.name == "sqlite":
            event.listen(self._engine, "connect", _prepare)
            event.listen(self._engine, "begin", _lock)
        with self._transaction() as connection:
            _metadata.create_all(connection)
            self._check(connection)

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    def add(self, order: Order) -> bool:
        """Keep an order; returns whether it is new. The first of several with one id counts."""
        with self._transaction() as connection:
            return _insert(connection, _orders, _row(order))

    def orders(self, since_ns: int = 0) -> list[Order]:
        """Return the orders received at or after a time, in order of arrival."""
        query = select(_orders.c.body).where(_orders.c.received_ns >= since_ns)
        with self._transaction() as connection:
            rows = connection.execute(query.order_by(_orders.c.received_ns, _orders.c.id)).scalars().all()
        return [self._order(row) for row in rows]

    def rebuild(self, orders: Iterable[Order]) -> None:
        """Replace all orders by these, in one transaction; the first of several with one id counts."""
        rows: dict[str, dict[str, Any]] = {}
        for order in orders:
            rows.setdefault(order.id, _row(order))
        with self._transaction() as connection:
            connection.execute(delete(_orders))
            if rows:
                connection.execute(insert(_orders), list(rows.values()))

    def mark_delivered(self, target: str, alert_id: str, revision: int) -> None:
        """Note that a target has had this revision; an older one than noted changes nothing."""
        row = {"target": target, "alert_id": alert_id, "revision": revision}
        known = (_delivered.c.target == target) & (_delivered.c.alert_id == alert_id)
        with self._transaction() as connection:
            if not _insert(connection, _delivered, row):
                older = known & (_delivered.c.revision < revision)
                connection.execute(update(_delivered).where(older).values(revision=revision))

    def delivered(self, target: str) -> dict[str, int]:
        """Return the newest revision of each alert that a target has had."""
        query = select(_delivered.c.alert_id, _delivered.c.revision).where(_delivered.c.target == target)
        with self._transaction() as connection:
            rows = connection.execute(query.order_by(_delivered.c.alert_id)).all()
        return dict(rows)

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        try:
            with self._engine.begin() as connection:
                yield connection
        except SQLAlchemyError as error:
            reason = str(getattr(error, "orig", None) or error).splitlines()[0]
            raise StateError(f"the store cannot be used: {reason}", where=self._where, hint=HINT) from None

    def _check(self, connection: Connection) -> None:
        _insert(connection, _meta, {"key": "version", "value": VERSION})
        version = connection.execute(select(_meta.c.value).where(_meta.c.key == "version")).scalar_one()
        if version != VERSION:
            raise StateError(f"the store is of version {version}, not {VERSION}", where=self._where, hint=HINT)

    def _order(self, body: bytes) -> Order:
        try:
            order = decode(body)
        except FormatError:
            order = None
        if not isinstance(order, Order):
            raise StateError("the store holds an order that cannot be read", where=self._where, hint=HINT)
        return order


def _row(order: Order) -> dict[str, Any]:
    return {"id": order.id, "received_ns": order.received_ns, "body": encode(order)}


def _insert(connection: Connection, table: Table, row: dict[str, Any]) -> bool:
    """Insert a row; returns whether its key was new."""
    try:
        with connection.begin_nested():
            connection.execute(insert(table), row)
    except IntegrityError:
        return False
    return True


def _prepare(connection: Any, _: Any) -> None:
    """Every commit on the disk, readers beside one writer, and transactions that we begin ourselves."""
    connection.isolation_level = None
    connection.execute(f"PRAGMA busy_timeout={BUSY_MS}")
    connection.execute("PRAGMA synchronous=FULL")
    # The change to write-ahead mode does not wait for another process that is opening the file too.
    for _ in range(BUSY_MS // RETRY_MS):
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error):
                raise
            time.sleep(RETRY_MS / 1000.0)


def _lock(connection: Connection) -> None:
    """Take the write lock at once: one taken late may find that another was faster, which no waiting mends."""
    connection.exec_driver_sql("BEGIN IMMEDIATE")
