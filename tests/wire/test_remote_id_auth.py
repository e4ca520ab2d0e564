"""Authentication pages: any order, copies, two messages mixed, both counts of pages, a length that lies."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from skysentry.wire.remote_id import AuthPage, decode, encode
from skysentry.wire.remote_id_auth import Authentication, Pages, last_page, split


def together(pages: list[AuthPage]) -> list[Authentication]:
    state = Pages()
    return [whole for page in pages if (whole := state.take(page)) is not None]


@given(st.binary(max_size=255), st.integers(0, 15), st.data())
def test_pages_in_any_order_with_copies_give_the_message_once(data: bytes, kind: int, more: st.DataObject) -> None:
    pages = [decode(encode(page)) for page in split(kind, data, 1_700_000_000)]
    assert all(isinstance(page, AuthPage) for page in pages)
    shuffled = more.draw(st.permutations(pages + pages))
    (whole,) = together(shuffled)  # type: ignore[arg-type]
    if data:
        assert whole == Authentication(auth_type=kind, time_s=1_700_000_000, data=data)
    assert (whole.auth_type, whole.time_s) == (kind, 1_700_000_000)


def test_both_editions_number_the_last_page_by_the_length() -> None:
    """F3411-19 writes 3 pages where F3411-22a writes that the last is number 2."""
    new = split(1, bytes(range(60)))
    old = [replace(new[0], last_page=3), *new[1:]]
    assert new[0].last_page == 2
    assert together(old) == together(new)
    assert last_page(old[0]) == 2


def test_a_missing_page_is_waited_for_and_a_new_message_drops_the_old() -> None:
    first, second = split(3, b"a" * 60, 1_700_000_000), split(3, b"b" * 60, 1_700_000_003)
    assert together([first[0], first[2]]) == []
    # Page 1 of the first and the others of the second never become one message.
    (whole,) = together([first[0], first[1], *second])
    assert whole.data == b"b" * 60
    assert together([first[0], second[1], first[1], second[2]]) == []


def test_parity_after_the_length_is_kept_beside_it() -> None:
    pages = split(5, bytes(range(1, 41)))
    parity = AuthPage(auth_type=5, page=2, data=b"p" * 23)
    (whole,) = together([pages[1], parity, replace(pages[0], last_page=2)])
    assert whole.data == bytes(range(1, 41))
    assert whole.extra == b"p" * 23


def test_a_length_of_zero_counts_the_pages() -> None:
    page = AuthPage(auth_type=1, page=0, data=b"x" * 17, last_page=1, length=0)
    (whole,) = together([page, AuthPage(auth_type=1, page=1, data=b"y" * 23)])
    assert whole.data == b"x" * 17 + b"y" * 23
