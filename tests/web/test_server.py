"""The server, over real sockets: who may come in, what comes out, what an order must be."""

from __future__ import annotations

import asyncio
import json
import socket
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skysentry.errors import InputError, LinkError
from skysentry.events import Action, Order, Severity
from skysentry.runtime import feed as feed_module
from skysentry.runtime.feed import Feed
from skysentry.web import orders
from skysentry.web.server import app, bind, is_loopback, serve

Serve = Callable[..., Any]
TOKEN = "a long secret"


def messages(url: str, path: str = "/api/events", **options: Any) -> Iterator[tuple[str, str, Any]]:
    """Yield (event, id, payload) of a stream."""
    with httpx.stream("GET", url + path, timeout=10, **options) as answer:
        assert answer.status_code == 200, answer.read()
        assert answer.headers["content-type"].startswith("text/event-stream")
        fields: dict[str, str] = {}
        for line in answer.iter_lines():
            if line:
                name, _, value = line.partition(": ")
                fields[name] = value
            elif "event" in fields:
                yield fields["event"], fields.get("id", ""), json.loads(fields["data"])
                fields = {}


def test_the_snapshot_holds_the_picture(feed: Feed, sky: Any, serve: Serve) -> None:
    feed.publish(sky.now_ns, [*sky.scans(), sky.track(), sky.alert()])
    answer = httpx.get(serve(feed).url + "/api/snapshot")
    body = answer.json()
    assert answer.status_code == 200
    assert (body["site"], body["mode"], body["rights"]) == ("Test site", "live", "full")
    assert body["tracks"][0]["identity"]["operator"] == {"lat_deg": 50.123456, "lon_deg": 30.654321, "alt_m": None}
    assert body["alerts"][0]["why"] == "1 drone heading for Kyiv, first in 41 s"
    assert body["trails"]["mic@1#0"][0][1:3] == [30.45, 50.52]


def test_every_answer_carries_the_headers(feed: Feed, serve: Serve) -> None:
    url = serve(feed).url
    for path in ("/", "/api/snapshot", "/api/nothing", "/nothing"):
        headers = httpx.get(url + path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "http" not in policy
        assert "frame-ancestors 'none'" in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert "server" not in headers


def test_the_stream_goes_on_where_it_broke(feed: Feed, sky: Any, serve: Serve) -> None:
    url = serve(feed).url
    first = messages(url)
    assert next(first)[0] == "snapshot"
    feed.publish(sky.now_ns, [sky.alert(i) for i in range(5)])
    alerts = [message for message in (next(first) for _ in range(4)) if message[0] == "alert"]
    first.close()
    last_id, seen = alerts[0][1], alerts[0][2]["revision"]
    again = messages(url, headers={"last-event-id": last_id})
    heard: list[int] = []
    for event, _, payload in again:
        assert event != "snapshot"
        if event == "alert":
            heard.append(payload["revision"])
        if event == "tracks":
            break
    assert heard == list(range(seen + 1, 5))
    again.close()


def test_a_slow_client_costs_nothing_and_gets_every_alert(feed: Feed, sky: Any, serve: Serve) -> None:
    url = serve(feed).url
    slow = messages(url)
    next(slow)
    for i in range(1500):  # far more than sockets buffer, were it sent one by one
        sky.now_ns += 100_000_000
        feed.publish(sky.now_ns, [*(sky.track(f"t{k}") for k in range(20)), sky.alert(i)])
    heard = []
    tracks = 0
    for event, _, payload in slow:
        tracks += event == "tracks"
        if event == "alert":
            heard.append(payload["revision"])
            if heard[-1] == 1499:
                break
    assert heard == list(range(1500))
    assert tracks < 1500
    slow.close()


def test_over_a_network_the_stream_is_compressed_message_by_message(feed: Feed, sky: Any) -> None:
    feed.publish(sky.now_ns, [*sky.scans(), *(sky.track(f"t{i}") for i in range(50))])
    parts: list[bytes] = []
    headers: dict[bytes, bytes] = {}

    async def receive() -> dict[str, Any]:
        await asyncio.sleep(3600)
        raise AssertionError

    async def send(message: Any) -> None:
        headers.update(message.get("headers", ()))
        if message.get("body"):
            parts.append(message["body"])
            feed.close()

    scope = {
        "type": "http", "method": "GET", "path": "/api/events", "root_path": "", "query_string": b"",
        "client": ("192.0.2.7", 1), "headers": [(b"host", b"localhost"), (b"accept-encoding", b"gzip")],
        "asgi": {"version": "3.0"}, "scheme": "http", "server": ("localhost", 1), "http_version": "1.1",
    }  # fmt: skip
    asyncio.run(asyncio.wait_for(app(feed)(scope, receive, send), 20))
    assert headers[b"content-encoding"] == b"gzip"
    text = zlib.decompressobj(31).decompress(parts[0])  # the first message, before anything else came
    assert text.startswith(b"retry: 1000")
    assert text.endswith(b"\n\n")
    assert len(text) > 5 * len(parts[0])


def test_beats_come_by_themselves(feed: Feed, sky: Any, serve: Serve) -> None:
    feed.publish(sky.now_ns - 2_000_000_000, sky.scans(found=True))
    stream = messages(serve(feed).url)
    beat = next(payload for event, _, payload in stream if event == "beat")
    assert beat["lag_ms"] == 2000
    assert beat["last_detection_ms"] == beat["server_ms"]
    stream.close()


def test_a_kiosk_sees_nothing_personal_and_gives_no_orders(feed: Feed, sky: Any, serve: Serve) -> None:
    feed.submit = lambda order: None
    feed.publish(sky.now_ns, [sky.track(), sky.alert(by="olena")])
    url = serve(feed).url
    stream = messages(url, "/api/events?kiosk")
    first = json.dumps(next(stream))
    feed.publish(sky.now_ns, [sky.track(alt_m=301.0)])
    second = json.dumps(next(message for message in stream if message[0] == "tracks"))
    stream.close()
    for text in (first, second, httpx.get(url + "/api/snapshot?kiosk").text):
        assert "SERIAL1" in text
        assert not any(secret in text for secret in ("50.123456", "OP-7", "olena"))
    answer = httpx.post(url + "/api/orders?kiosk", json={"action": "acknowledge", "target": "al-1"})
    assert answer.status_code == 403


def test_an_order_reaches_the_loop(feed: Feed, sky: Any, serve: Serve) -> None:
    taken: list[Order] = []
    feed.submit = taken.append
    feed.publish(sky.now_ns, [sky.track(), sky.alert()])
    url = serve(feed).url + "/api/orders"
    for body in (
        {"action": "acknowledge", "target": "al-1", "by": "olena"},
        {"action": "shelve", "target": "al-1", "minutes": 5},
        {"action": "declare", "target": "mic@1#0", "affiliation": "friend"},
        {"action": "raise", "target": "kyiv", "severity": "urgent", "text": "I hear one"},
        {"action": "draw_zone", "target": "school", "text": "School", "polygon": [[30, 50], [30.1, 50], [30.1, 50.1]]},
    ):
        answer = httpx.post(url, json=body)
        assert answer.status_code == 202, answer.text
        assert answer.json()["id"] == taken[-1].id
    assert [order.action for order in taken] == [
        Action.ACKNOWLEDGE, Action.SHELVE, Action.DECLARE, Action.RAISE, Action.DRAW_ZONE,
    ]  # fmt: skip
    assert [order.id for order in taken] == [f"order:{sky.now_ns}:{n}" for n in range(1, 6)]
    assert (taken[0].by, taken[1].by) == ("olena", "operator")
    assert taken[1].until_ns == sky.now_ns + 300 * 10**9
    assert taken[3].severity is Severity.URGENT


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, b""),
        (400, b"\xff\xfe"),
        (400, b"[" * 60_000),
        (400, b'{"action": "launch", "target": "al-1"}'),
        (400, b'{"action": "acknowledge"}'),
        (400, b'{"action": "acknowledge", "target": "al-1", "extra": 1}'),
        (400, b'{"action": "declare", "target": "mic@1#0"}'),
        (400, b'{"action": "shelve", "target": "al-1", "minutes": 100000}'),
        (400, b'{"action": "shelve", "target": "al-1", "minutes": -1}'),
        (400, b'{"action": "draw_zone", "target": "z", "text": "Z", "polygon": [[0, 0], [0, 1000], [1, 1]]}'),
        (404, b'{"action": "acknowledge", "target": "nothing"}'),
        (404, b'{"action": "declare", "target": "nothing", "affiliation": "friend"}'),
        (413, b'{"action": "raise", "text": "' + b"x" * 70_000 + b'"}'),
    ],
)
def test_a_wrong_order_is_refused_with_a_hint(feed: Feed, sky: Any, serve: Serve, status: int, body: bytes) -> None:
    taken: list[Order] = []
    feed.submit = taken.append
    feed.publish(sky.now_ns, [sky.track(), sky.alert()])
    headers = {"content-type": "application/json"}
    answer = httpx.post(serve(feed).url + "/api/orders", content=body, headers=headers)
    assert answer.status_code == status
    assert answer.json()["error"]
    assert answer.json()["hint"]
    assert taken == []


def test_without_a_loop_no_order_is_taken(feed: Feed, serve: Serve) -> None:
    answer = httpx.post(serve(feed).url + "/api/orders", json={"action": "acknowledge", "target": "al-1"})
    assert answer.status_code == 503


@pytest.mark.parametrize(
    ("status", "headers"),
    [
        (403, {"origin": "http://evil.example"}),
        (403, {"origin": "null"}),
        (415, {"content-type": "text/plain"}),
        (415, {"content-type": "application/x-www-form-urlencoded"}),
        (421, {"host": "evil.example"}),
        (421, {"host": "127.0.0.1.evil.example:80"}),
    ],
)
def test_other_pages_can_give_no_orders(
    feed: Feed, sky: Any, serve: Serve, status: int, headers: dict[str, str]
) -> None:
    taken: list[Order] = []
    feed.submit = taken.append
    feed.publish(sky.now_ns, [sky.alert()])
    sent = {"content-type": "application/json", **headers}
    body = b'{"action": "acknowledge", "target": "al-1"}'
    assert httpx.post(serve(feed).url + "/api/orders", content=body, headers=sent).status_code == status
    assert taken == []


def test_our_own_page_may_give_orders(feed: Feed, sky: Any, serve: Serve) -> None:
    feed.submit = lambda order: None
    feed.publish(sky.now_ns, [sky.alert()])
    url = serve(feed).url
    sent = {"origin": url}
    assert httpx.post(url + "/api/orders", json={"action": "acknowledge", "target": "al-1"}, headers=sent).is_success


def test_a_foreign_name_for_this_machine_reads_nothing(feed: Feed, serve: Serve) -> None:
    url = serve(feed).url
    assert httpx.get(url + "/api/snapshot", headers={"host": "rebound.example"}).status_code == 421
    for name in ("localhost:1", "127.0.0.1", "[::1]:8080"):
        assert httpx.get(url + "/api/snapshot", headers={"host": name}).status_code == 200


def test_with_a_token_everything_under_api_asks_for_it(feed: Feed, serve: Serve) -> None:
    url = serve(feed, TOKEN).url
    for path in ("/api/snapshot", "/api/events", "/api/track/x", "/api/schema"):
        assert httpx.get(url + path).status_code == 401
        assert httpx.get(url + path, headers={"authorization": "Bearer wrong"}).status_code == 401
        assert httpx.get(url + path, headers={"cookie": f"skysentry={TOKEN}"}).status_code == 401
    assert httpx.post(url + "/api/orders", json={}).status_code == 401
    assert httpx.get(url + "/api/snapshot", headers={"authorization": f"Bearer {TOKEN}"}).status_code == 200
    assert httpx.get(url + "/").status_code in (200, 503)  # the page itself holds nothing


def test_login_sets_a_cookie_that_is_not_the_token(feed: Feed, serve: Serve) -> None:
    with httpx.Client(base_url=serve(feed, TOKEN).url) as client:
        assert client.get("/login", params={"token": "wrong"}).status_code == 401
        assert client.get("/login").status_code == 401
        answer = client.get("/login", params={"token": TOKEN})
        assert (answer.status_code, answer.headers["location"]) == (303, "/")
        cookie = answer.headers["set-cookie"]
        assert TOKEN not in cookie
        assert "HttpOnly" in cookie
        assert "samesite=strict" in cookie.lower()
        assert client.get("/api/snapshot").status_code == 200


def test_an_address_that_others_reach_needs_a_token(feed: Feed) -> None:
    for host in ("0.0.0.0", "::", "192.0.2.1", "example.org"):
        with pytest.raises(InputError) as caught:
            asyncio.run(serve(app(feed), host, 0))
        assert caught.value.hint
    assert is_loopback("127.0.0.53")
    assert is_loopback("::1")


def test_a_taken_port_says_so(feed: Feed) -> None:
    with bind("127.0.0.1", 0) as taken:
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(LinkError, match="taken") as caught:
            asyncio.run(serve(app(feed), "127.0.0.1", port))
    assert "--port" in (caught.value.hint or "")


def test_too_many_screens_are_told(feed: Feed, serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed_module, "MAX_CLIENTS", 1)
    url = serve(feed).url
    first = messages(url)
    next(first)
    answer = httpx.get(url + "/api/events")
    assert answer.status_code == 503
    assert answer.json()["hint"]
    first.close()


def test_a_client_that_leaves_gives_its_seat_back(feed: Feed, serve: Serve) -> None:
    url = serve(feed).url
    for _ in range(3):
        stream = messages(url)
        next(stream)
        stream.close()

    async def free() -> None:
        while feed.clients:
            await asyncio.sleep(0.05)

    asyncio.run(asyncio.wait_for(free(), 10))
    assert feed.clients == 0


def test_a_track_has_a_trail_and_an_unknown_one_has_none(feed: Feed, sky: Any, serve: Serve) -> None:
    feed.publish(sky.now_ns, [sky.track()])
    url = serve(feed).url
    assert len(httpx.get(url + "/api/track/mic@1%230").json()["points"]) == 1
    assert httpx.get(url + "/api/track/none").status_code == 404


def test_the_schema_is_served(feed: Feed, serve: Serve) -> None:
    defined = httpx.get(serve(feed).url + "/api/schema").json()["$defs"]
    assert {"Snapshot", "TrackView", "AlertView", "OrderRequest"} <= defined.keys()


def test_rubbish_on_the_socket_ends_nothing(feed: Feed, serve: Serve) -> None:
    server = serve(feed)
    for rubbish in (
        b"\x00" * 100,
        b"GET / HTTP/1.1\r\n" + b"x: " + b"y" * 50_000,
        b"\r\n\r\n\r\n",
        b"POST /api/orders HTTP/1.1\r\nHost: localhost\r\nContent-Length: -5\r\n\r\n",
    ):
        with socket.create_connection(("127.0.0.1", server.port), 5) as link:
            link.sendall(rubbish)
            link.shutdown(socket.SHUT_WR)
            link.settimeout(5)
            try:
                while link.recv(65_536):
                    pass
            except ConnectionError:
                pass
    assert httpx.get(server.url + "/api/schema").status_code == 200


@given(
    st.binary(max_size=300)
    | st.dictionaries(st.text(), st.text() | st.integers()).map(lambda d: json.dumps(d).encode())
)
@settings(max_examples=150, deadline=None)
def test_rubbish_in_a_body_is_refused_with_a_hint(body: bytes) -> None:
    feed = Feed(feed_module.Site(), "live", lambda: 1)
    feed.submit = lambda order: None
    with pytest.raises(orders.OrderError) as caught:  # this site has nothing to give an order about
        orders.submit(feed, body)
    assert caught.value.hint
