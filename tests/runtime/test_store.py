"""The store of decisions: idempotent, ordered, rebuildable, safe to open twice, honest about damage."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

import pytest

from skysentry.errors import ConfigError, StateError
from skysentry.events import Action, Affiliation, Order, Severity
from skysentry.runtime.store import Store


def order(n: int, **fields: object) -> Order:
    rest = {"action": Action.ACKNOWLEDGE, "target": f"zone~t{n}", "by": "anna"} | fields
    return Order(id=f"o{n}", time_ns=n, received_ns=n * 10, **rest)  # type: ignore[arg-type]


ORDERS = [
    order(1),
    order(2, action=Action.DRAW_ZONE, text="Школа", polygon=((30.5, 50.4), (30.6, 50.4), (30.6, 50.5))),
    order(3, action=Action.RAISE, severity=Severity.URGENT, text="now"),
    order(4, action=Action.DECLARE, affiliation=Affiliation.FRIEND),
]


def url(path: Path) -> str:
    return f"sqlite:///{path / 'people.sqlite3'}"


def test_orders_come_back_equal_and_in_order(tmp_path: Path) -> None:
    store = Store(url(tmp_path))
    assert [store.add(each) for each in reversed(ORDERS)] == [True] * 4
    assert store.orders() == ORDERS
    assert store.orders(since_ns=20) == ORDERS[1:]
    store.close()
    again = Store(url(tmp_path))
    assert again.orders() == ORDERS
    again.close()


def test_an_order_counts_once(tmp_path: Path) -> None:
    store = Store(url(tmp_path))
    assert store.add(ORDERS[0])
    assert not store.add(order(1, by="boris"))
    assert store.orders() == ORDERS[:1]
    store.close()


def test_rebuilding_gives_an_equal_table(tmp_path: Path) -> None:
    first, second = Store(url(tmp_path)), Store("sqlite://")
    for each in ORDERS:
        first.add(each)
    second.add(order(9))
    second.rebuild([*ORDERS, ORDERS[0]])
    assert second.orders() == first.orders()
    second.rebuild([])
    assert second.orders() == []
    first.close()
    second.close()


def test_delivery_marks_only_rise(tmp_path: Path) -> None:
    store = Store(url(tmp_path))
    for target, alert_id, revision in (("a", "x", 0), ("a", "x", 3), ("a", "x", 1), ("a", "y", 0), ("b", "x", 7)):
        store.mark_delivered(target, alert_id, revision)
    assert store.delivered("a") == {"x": 3, "y": 0}
    assert store.delivered("b") == {"x": 7}
    assert store.delivered("c") == {}
    store.close()


def test_commits_are_on_the_disk(tmp_path: Path) -> None:
    store = Store(url(tmp_path))
    with store._engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
    store.close()


def test_two_open_it_at_once(tmp_path: Path) -> None:
    """Two stores on one file write at the same time; nothing is lost and nothing counted twice."""
    new: list[int] = []

    def write(start: int) -> None:
        store = Store(url(tmp_path))
        new.append(sum(store.add(order(n)) for n in range(start, start + 40)))
        for n in range(40):
            store.mark_delivered("t", "x", n)
        store.close()

    threads = [threading.Thread(target=write, args=(start,)) for start in (0, 20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    store = Store(url(tmp_path))
    assert sum(new) == 60
    assert len(store.orders()) == 60
    assert store.delivered("t") == {"x": 39}
    store.close()


@pytest.mark.parametrize("damage", [b"not a database, but long enough to be looked at" * 100, None])
def test_a_damaged_file_says_how_to_mend_it(tmp_path: Path, damage: bytes | None) -> None:
    store = Store(url(tmp_path))
    for n in range(500):
        store.add(order(n, text="x" * 300))
    store.close()
    path = tmp_path / "people.sqlite3"
    whole = path.read_bytes()
    path.write_bytes(damage if damage is not None else whole[:4096] + b"\xa5" * (len(whole) - 4096))
    with pytest.raises(StateError) as caught:
        Store(url(tmp_path)).orders()
    assert "rebuilt from the recordings" in str(caught.value.hint)


def test_another_version_is_not_touched(tmp_path: Path) -> None:
    Store(url(tmp_path)).close()
    with sqlite3.connect(tmp_path / "people.sqlite3") as connection:
        connection.execute("UPDATE meta SET value = 99")
    connection.close()
    with pytest.raises(StateError, match="version 99, not 1"):
        Store(url(tmp_path))


def test_a_row_that_is_no_order(tmp_path: Path) -> None:
    store = Store(url(tmp_path))
    store.add(ORDERS[0])
    with sqlite3.connect(tmp_path / "people.sqlite3") as connection:
        connection.execute("UPDATE orders SET body = x'7b7d'")
    connection.close()
    with pytest.raises(StateError, match="cannot be read"):
        store.orders()
    store.close()


@pytest.mark.parametrize("address", ["nonsense", "martian://x", ""])
def test_an_address_that_is_none(address: str) -> None:
    with pytest.raises(ConfigError):
        Store(address)


def test_a_password_is_not_shown(tmp_path: Path) -> None:
    with pytest.raises((StateError, ConfigError)) as caught:
        Store(f"sqlite://user:geheim@host/{tmp_path}/x")
    assert "geheim" not in str(caught.value)
