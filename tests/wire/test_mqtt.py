"""MQTT as a subscriber speaks it, byte for byte as section 3 of the standard shows it."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skysentry.errors import DecodeError
from skysentry.wire import mqtt


def parcel(kind: int, body: bytes) -> bytes:
    """A packet, its length written the other way round: by division, as 2.2.3 gives it."""
    size, length = len(body), []
    while True:
        size, digit = divmod(size, 128)
        length.append(digit + (128 if size else 0))
        if not size:
            return bytes((kind << 4, *length)) + body


def test_connect_and_subscribe() -> None:
    assert mqtt.connect("abc", 30) == b"\x10\x0f\x00\x04MQTT\x04\x02\x00\x1e\x00\x03abc"
    assert mqtt.connect("abc", 30, "me", "pw") == b"\x10\x17\x00\x04MQTT\x04\xc2\x00\x1e\x00\x03abc\x00\x02me\x00\x02pw"
    assert mqtt.connect("abc", 30, "", "pw") == mqtt.connect("abc", 30)
    assert mqtt.subscribe("a/#", 10) == b"\x82\x08\x00\x0a\x00\x03a/#\x00"


@given(st.lists(st.binary(max_size=300), max_size=6), st.integers(1, 50))
def test_payloads_come_out_as_they_went_in(payloads: list[bytes], cut: int) -> None:
    stream = b"".join(parcel(mqtt.PUBLISH, b"\x00\x01t" + payload) for payload in payloads)
    decoder = mqtt.MqttDecoder()
    found = [one for at in range(0, len(stream), cut) for one in decoder.feed(stream[at : at + cut])]
    assert [mqtt.published(one) for one in found] == [("t", payload) for payload in payloads]


def test_what_is_too_long_is_passed_over_without_being_kept() -> None:
    decoder, found = mqtt.MqttDecoder(), []
    stream = parcel(mqtt.PUBLISH, b"\x00\x01t" + bytes(mqtt.MAX_BODY)) + parcel(mqtt.PUBLISH, b"\x00\x01tgood")
    for at in range(0, len(stream), 1_000):
        found += decoder.feed(stream[at : at + 1_000])
        assert len(decoder._rest) <= 1_000
    assert [mqtt.published(one) for one in found] == [("t", b"good")]
    assert decoder.too_long == 1


@given(st.lists(st.binary(max_size=200), max_size=6))
def test_rubbish_ends_in_parcels_or_one_error(chunks: list[bytes]) -> None:
    decoder = mqtt.MqttDecoder()
    with contextlib.suppress(DecodeError):
        for chunk in chunks:
            for one in decoder.feed(chunk):
                assert len(one.body) <= sum(map(len, chunks))
                mqtt.published(one)


def test_a_length_of_five_bytes_is_an_error() -> None:
    with pytest.raises(DecodeError):
        mqtt.MqttDecoder().feed(b"\x30\xff\xff\xff\xff\x01")
